# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ends of a transfer between hosts: one that serves paths, and one that receives them.

Neither of them takes orders from the other, and the controller carries nothing between them but public keys and names. See
serve.sh and receive.sh.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import gzip
import pathlib
import re
import time
import typing as t

from ..core.shell import NIX_PATH
from ..target.programs import program
from .conversation import Conversation, ConversationError
from .door import USER
from .serve_requests import requests

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..nix.path_info import PathInfo
    from .link import Link

PUBLIC_KEY = re.compile(r"ssh-ed25519 [0-9A-Za-z+/]{60,80}={0,2}")
# To start an sshd, or to make a key.
START_SECONDS = 30.0
# To add the paths to a store.
IMPORT_SECONDS = 120.0


class PeerError(Exception):
    """A host does not serve, or not to this one, or not what it should."""


class ReceiverError(Exception):
    """A host cannot receive from any other, and says why."""


@dataclasses.dataclass(frozen=True)
class Offer:
    """Where paths can be fetched: whose key the server has, and whom to log in as."""

    address: str
    port: int
    login: str
    key: str


@contextlib.contextmanager
def served(
    link: Link, paths: Sequence[PathInfo], *, address: str, port: int, to: str, seconds: float
) -> Iterator[Offer]:
    """Have the machine behind ``link`` serve ``paths`` to whoever has the key ``to``, for at most ``seconds``."""
    script = f"{NIX_PATH}{program('processes')}\n{_script('serve')}"
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(Conversation(link, script, [str(port), str(round(seconds))]))
            server.say([to, *_packed(requests(info.path for info in paths)), ""])
            deadline = time.monotonic() + START_SECONDS
            login = _field(server, "login", deadline)
            key = _field(server, "key", deadline)
        except ConversationError as error:
            raise PeerError(f"{link.host} does not serve: {error}") from error
        except _FailedError as error:
            raise PeerError(f"{link.host} cannot serve: {error}") from error
        if not USER.fullmatch(login) or not PUBLIC_KEY.fullmatch(key):
            raise PeerError(f"{link.host} does not say where it serves")
        yield Offer(address, port, login, key)


@contextlib.contextmanager
def receiving(link: Link, socket: str, *, check_signatures: bool) -> Iterator[Receiver]:
    """Have the machine behind ``link`` ready to fetch paths from others; its store is served at ``socket`` there."""
    script = f"{NIX_PATH}{_script('receive')}"
    with contextlib.ExitStack() as stack:
        try:
            receiver = stack.enter_context(Conversation(link, script, [socket, "yes" if check_signatures else "no"]))
            key = _field(receiver, "key", time.monotonic() + START_SECONDS)
        except (ConversationError, _FailedError) as error:
            raise ReceiverError(str(error)) from error
        if not PUBLIC_KEY.fullmatch(key):
            raise ReceiverError("it does not say its key")
        yield Receiver(receiver, key)


@dataclasses.dataclass(frozen=True)
class Receiver:
    """A machine that fetches paths from others, by which it is known as ``key``."""

    conversation: Conversation
    key: str

    def fetch(self, offer: Offer, paths: Sequence[PathInfo], seconds: float) -> None:
        """Have ``paths`` fetched, in this order, within ``seconds``; raises ``ReceiverError`` when the machine is lost.

        ``add`` is to follow, and says what has come.
        """
        order = f"fetch {offer.address} {offer.port} {offer.login} {round(seconds)} {offer.key}"
        described = "".join(f"{info.narinfo}\n" for info in paths).encode()
        try:
            self.conversation.say([order, *_packed(gzip.compress(described)), ""])
            _field(self.conversation, "fetched", time.monotonic() + seconds + START_SECONDS)
        except (ConversationError, _FailedError) as error:
            raise ReceiverError(str(error)) from error

    def add(self, paths: Sequence[PathInfo]) -> Received:
        """Return which of ``paths``, which were fetched, the machine's store has taken; raises as ``fetch`` does."""
        deadline = time.monotonic() + IMPORT_SECONDS
        wanted = {info.path for info in paths}
        got: list[str] = []
        try:
            while True:
                word, _space, rest = self.conversation.hear(deadline).partition(" ")
                if word == "end":
                    return Received(tuple(got), rest)
                if word == "got" and rest in wanted:
                    got.append(rest)
        except ConversationError as error:
            raise ReceiverError(str(error)) from error


@dataclasses.dataclass(frozen=True)
class Received:
    """The paths that have arrived, and why no more of them, if so."""

    paths: tuple[str, ...]
    wrong: str = ""


class _FailedError(Exception):
    """What a script says of its failure."""


def _field(conversation: Conversation, name: str, deadline: float) -> str:
    """Return what is said as ``name``; what login shells say by themselves is passed over."""
    while True:
        word, _space, rest = conversation.hear(deadline).partition(" ")
        if word == "failed":
            raise _FailedError(rest)
        if word == name:
            return rest


def _packed(data: bytes) -> list[str]:
    return base64.encodebytes(data).decode().splitlines()


def _script(name: str) -> str:
    return pathlib.Path(__file__).with_name(f"{name}.sh").read_text(encoding="utf-8")
