# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ends of a transfer between hosts: one that serves paths, and one that receives them.

Neither of them takes orders from the other, and the controller carries nothing between them but public keys and names. See
target/peer.sh.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import gzip
import queue
import re
import subprocess
import threading
import time
import typing as t

from ..core import process
from ..target.programs import calling, from_stdin, program
from .store_socket import USER, serve_requests

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..nix.store import PathInfo
    from .ssh import Link

LONGEST_LINE = 4096
# What is printed beyond that before anybody reads waits in the pipe.
LINES_KEPT = 1000
GOODBYE_SECONDS = 3.0

PUBLIC_KEY = re.compile(r"ssh-ed25519 [0-9A-Za-z+/]{60,80}={0,2}")
# To start an sshd, or to make a key.
START_SECONDS = 30.0
# To add the paths to a store.
IMPORT_SECONDS = 120.0


class PeerError(Exception):
    """A host does not serve, or not to this one, or not what it should."""


class ReceiverError(Exception):
    """A host cannot receive from any other, and says why."""


class SessionError(Exception):
    """The program on the other machine has ended, or does not answer."""


class Session:
    """Runs ``script`` over ``link`` for the length of a block, line by line. The end of its input is to be its end."""

    def __init__(self, link: Link, script: str, *arguments: str) -> None:
        words, self._script = from_stdin(script, *arguments)
        self._command = link.command(words)
        self._lines: queue.Queue[str | None] = queue.Queue(LINES_KEPT)

    def __enter__(self) -> Session:
        self._remote = process.start(self._command)
        try:
            threading.Thread(target=self._read, name="session", daemon=True).start()
            self._write(self._script)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        with contextlib.suppress(OSError):
            self._remote.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._remote.process.wait(GOODBYE_SECONDS)
        process.end_group(self._remote.process)

    def write_lines(self, lines: Iterable[str]) -> None:
        """Send some lines. That the program has ended is found out by whoever reads on: it may have said why."""
        self._write("".join(f"{line}\n" for line in lines).encode())

    def read_line(self, deadline: float) -> str:
        """Return the next line, which must come before ``deadline``, by the monotonic clock."""
        try:
            line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty as silent:
            raise SessionError("there is no answer") from silent
        if line is None:
            raise SessionError("the session has ended")
        return line

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._remote.stdin.write(data)
            self._remote.stdin.flush()

    def _read(self) -> None:
        while line := self._remote.stdout.readline(LONGEST_LINE):
            self._lines.put(line.decode(errors="replace").rstrip("\r\n"))
        self._lines.put(None)


@dataclasses.dataclass(frozen=True)
class PeerServer:
    """Where paths can be fetched: whose key the server has, and whom to log in as."""

    address: str
    port: int
    login: str
    key: str


@contextlib.contextmanager
def served(
    link: Link, paths: Sequence[PathInfo], *, address: str, port: int, to: str, seconds: float
) -> Iterator[PeerServer]:
    """Have the machine behind ``link`` serve ``paths`` to whoever has the key ``to``, for at most ``seconds``."""
    script = f"{program('shell')}\n{calling('peer', 'peer_serve')}"
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(Session(link, script, str(port), str(round(seconds))))
            server.write_lines([to, *_packed(serve_requests(info.path for info in paths)), ""])
            deadline = time.monotonic() + START_SECONDS
            login = _field(server, "login", deadline)
            key = _field(server, "key", deadline)
        except SessionError as error:
            raise PeerError(f"{link.host} does not serve: {error}") from error
        except _FailedError as error:
            raise PeerError(f"{link.host} cannot serve: {error}") from error
        if not USER.fullmatch(login) or not PUBLIC_KEY.fullmatch(key):
            raise PeerError(f"{link.host} does not say where it serves")
        yield PeerServer(address, port, login, key)


@contextlib.contextmanager
def receiving(link: Link, socket: str, *, check_signatures: bool) -> Iterator[Receiver]:
    """Have the machine behind ``link`` ready to fetch paths from others; its store is served at ``socket`` there."""
    script = f"{program('shell')}\n{calling('peer', 'peer_receive')}"
    with contextlib.ExitStack() as stack:
        try:
            receiver = stack.enter_context(Session(link, script, socket, "yes" if check_signatures else "no"))
            key = _field(receiver, "key", time.monotonic() + START_SECONDS)
        except (SessionError, _FailedError) as error:
            raise ReceiverError(str(error)) from error
        if not PUBLIC_KEY.fullmatch(key):
            raise ReceiverError("it does not say its key")
        yield Receiver(receiver, key)


@dataclasses.dataclass(frozen=True)
class Receiver:
    """A machine that fetches paths from others, by which it is known as ``key``."""

    session: Session
    key: str

    def fetch(self, server: PeerServer, paths: Sequence[PathInfo], seconds: float) -> None:
        """Have ``paths`` fetched, in this order, within ``seconds``; raises ``ReceiverError`` when the machine is lost.

        ``add`` is to follow, and says what has come.
        """
        order = f"fetch {server.address} {server.port} {server.login} {round(seconds)} {server.key}"
        described = "".join(f"{info.narinfo}\n" for info in paths).encode()
        try:
            self.session.write_lines([order, *_packed(gzip.compress(described)), ""])
            _field(self.session, "fetched", time.monotonic() + seconds + START_SECONDS)
        except (SessionError, _FailedError) as error:
            raise ReceiverError(str(error)) from error

    def add(self, paths: Sequence[PathInfo]) -> Received:
        """Return which of ``paths``, which were fetched, the machine's store has taken; raises as ``fetch`` does."""
        deadline = time.monotonic() + IMPORT_SECONDS
        wanted = {info.path for info in paths}
        got: list[str] = []
        try:
            while True:
                word, _space, rest = self.session.read_line(deadline).partition(" ")
                if word == "end":
                    return Received(tuple(got), rest)
                if word == "got" and rest in wanted:
                    got.append(rest)
        except SessionError as error:
            raise ReceiverError(str(error)) from error


@dataclasses.dataclass(frozen=True)
class Received:
    """The paths that have arrived, and why no more of them, if so."""

    paths: tuple[str, ...]
    wrong: str = ""


class _FailedError(Exception):
    """What a script says of its failure."""


def _field(session: Session, name: str, deadline: float) -> str:
    """Return what is said as ``name``; what login shells say by themselves is passed over."""
    while True:
        word, _space, rest = session.read_line(deadline).partition(" ")
        if word == "failed":
            raise _FailedError(rest)
        if word == name:
            return rest


def _packed(data: bytes) -> list[str]:
    return base64.encodebytes(data).decode().splitlines()
