# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other hosts of a run, as machines that closures come from."""

from __future__ import annotations

import contextlib
import functools
import typing as t

from ansible.errors import AnsibleError

from ..copy.cascade import ADDRESS, PORT, Peers, Server, Spread, cascade, peer_address
from ..copy.ssh import LinkLostError
from ..copy.store_socket import missing_of_many
from ..copy.transfer import PeerError, receiving, served
from ..core.errors import NixError
from ..run_state.run_state import RunStateError
from .connections import connection_to, link_to
from .run import run_state

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..copy.transfer import PeerServer, Received, Receiver
    from ..nix.store import PathInfo
    from .action import NixAction
    from .connections import OpenedStore


class HostAmongPeers:
    """What ``action``'s host gives to the others and takes from them, as its task's ``options`` say."""

    def __init__(self, action: NixAction, options: Mapping[str, t.Any]) -> None:
        self._action = action
        self._options = options
        self._address = _address(options["peer_address"], action)
        self._peers = Peers(run_state(), action.host)

    def has(self, infos: Sequence[PathInfo]) -> None:
        """Let the others know that the host has all of these, and where it serves them."""
        # Where no file can be locked, such as in some homes on NFS, there is no cascade, and no failure either.
        with contextlib.suppress(RunStateError):
            self._peers.serves(Server(self._action.host, self._address))
            self._peers.has(info.path for info in infos)

    def fetch(self, here: OpenedStore, infos: Sequence[PathInfo], send: Callable[[Sequence[PathInfo]], None]) -> Spread:
        """Bring the closure of ``infos`` to the host, as far as others can be of help.

        ``send`` has the source send what nobody else has.
        """
        try:
            return self._fetched(here, infos, send)
        except RunStateError as error:
            self._action.announce(f"no other host can be of help: {error.cause}")
            return Spread({}, tuple(info.path for info in infos))

    def _fetched(
        self, here: OpenedStore, infos: Sequence[PathInfo], send: Callable[[Sequence[PathInfo]], None]
    ) -> Spread:
        action = self._action
        missing = set(missing_of_many(action.questions, [info.path for info in infos]))
        lacking = [info for info in infos if info.path in missing]
        self.has([info for info in infos if info.path not in missing])
        self._peers.lacks(info.path for info in lacking)
        self._include_source(infos)
        receivers: list[Receiver] = []
        with contextlib.ExitStack() as stack:

            def fetch(server: Server, slot: int, paths: Sequence[PathInfo], seconds: float) -> Callable[[], Received]:
                if not receivers:
                    check = self._options["check_signatures"]
                    receivers.append(
                        stack.enter_context(receiving(here.link, here.remote.path, check_signatures=check))
                    )
                receiver = receivers[0]
                action.doing(f"fetching {len(paths)} paths from {server.host}")
                with self._served(server, slot, paths, receiver.key, seconds) as serving:
                    receiver.fetch(serving, paths, seconds)
                return functools.partial(receiver.add, paths)

            return cascade(self._peers, lacking, send=send, fetch=fetch, announce=action.announce)

    @contextlib.contextmanager
    def _served(
        self, server: Server, slot: int, paths: Sequence[PathInfo], key: str, seconds: float
    ) -> Iterator[PeerServer]:
        with contextlib.ExitStack() as stack:
            try:
                link = stack.enter_context(link_to(connection_to(self._action, server.host), server.host))
            except (NixError, LinkLostError, AnsibleError) as error:
                raise PeerError(f"{server.host} cannot serve: {error}") from error
            serving = served(link, paths, address=server.address, port=PORT + slot, to=key, seconds=seconds)
            yield stack.enter_context(serving)

    def _include_source(self, infos: Sequence[PathInfo]) -> None:
        """Let another host that is the source serve like any that has got everything."""
        host = self._options["source_host"]
        variables = self._action.variables.get("hostvars", {})
        if host in variables and connection_to(self._action, host).transport == "ssh":
            address = str(variables[host].get("ansible_host", host))
            if ADDRESS.fullmatch(address):
                self._peers.serves_unless_known(Server(host, address))
                self._peers.has([info.path for info in infos], host)


def _address(given: str | None, action: NixAction) -> str:
    """Return the address at which other hosts reach the task's host: that of the inventory, unless one is ``given``."""
    connection = action._connection
    return peer_address(str(given or connection.get_option("host") or connection._play_context.remote_addr))
