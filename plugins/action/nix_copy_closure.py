# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a closure present on the machine that the task runs on; see the module's documentation."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
import typing as t
from collections import Counter

from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ..plugin_utils.ansible.action import NixAction, following
from ..plugin_utils.ansible.connections import opened_if_missing, source_at
from ..plugin_utils.ansible.run import end_with_run
from ..plugin_utils.copy.copying import Copy, CopyLog, retried, stalled, verify
from ..plugin_utils.copy.source import Source, closure_infos, closure_sizes
from ..plugin_utils.copy.ssh import LinkLostError
from ..plugin_utils.copy.store_socket import missing_of_many, missing_paths
from ..plugin_utils.core.errors import CopyError, NixError
from ..plugin_utils.core.text import counted, size
from ..plugin_utils.nix.machine import MEMORY
from ..plugin_utils.nix.store import UnknownFormError, root_name, store_paths

if t.TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ..plugin_utils.ansible.connections import OpenedStore
    from ..plugin_utils.ansible.peers import HostAmongPeers
    from ..plugin_utils.copy.cascade import Spread
    from ..plugin_utils.nix.store import PathInfo

    Send = t.Callable[[t.Sequence[PathInfo]], None]
    Transport = t.Callable[[Copy, "Attempt"], None]

NOTHING_MISSING = "everything is there already"


@dataclasses.dataclass(frozen=True)
class Arrived:
    """What has come to the target, gathered over several attempts: sizes by path, and who served what the source did not."""

    paths: dict[str, int] = dataclasses.field(default_factory=dict)
    served: dict[str, str] = dataclasses.field(default_factory=dict)
    substituted: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One attempt to copy: from where, into which store, and what has come."""

    source: Source
    here: OpenedStore
    arrived: Arrived


class ActionModule(NixAction):
    """The action behind ``nix.fleet.nix_copy_closure``."""

    def perform(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Ask the target what it lacks, and send that."""
        if options["progress_timeout"] < 0:
            raise CopyError(
                f"progress_timeout is negative: {options['progress_timeout']}",
                code="progress_timeout",
                advice="0 is for no limit",
            )
        paths = store_paths(options["paths"], CopyError)
        copy = Copy(paths, options["check_signatures"], options["substitute_on_destination"])
        try:
            if self.check_mode:
                return self._predicted(copy.paths, options)
            return self._copied(copy, options)
        except LinkLostError as error:
            raise CopyError(
                f"the connection broke: {error}",
                code="connection_lost",
                advice="run again once the machine can be reached: what has arrived is not sent a second time",
            ) from error

    def _predicted(self, paths: t.Sequence[str], options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the result of a check: what would be copied."""
        if not missing_paths(self.questions, paths):
            return self._report(Arrived(), msg=NOTHING_MISSING)
        with self._source(options) as source:
            sizes = closure_sizes(source, paths)
        missing = missing_of_many(self.questions, list(sizes))
        return self._report(Arrived({path: sizes[path] for path in missing}), msg="would be copied")

    def _copied(self, copy: Copy, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Copy, again after each loss of a connection, and return the result."""
        arrived = Arrived()
        self._reached = False
        cascading = options["topology"] == "cascade" and self._connection.transport == "ssh"
        peers = self._peers(options) if cascading else None
        transport = functools.partial(self._in_cascade, peers) if peers else self._directly
        self._progress_timeout = options["progress_timeout"]
        missing = retried(
            functools.partial(self._attempt, copy, options, transport, arrived),
            is_transient=self._is_transient,
            retries=options["retries"],
            delay=options["delay"],
            announce=self.announce,
        )
        if missing:
            return self._report(arrived, changed=True)
        if peers:
            # What serves others is no reason to fail.
            with contextlib.suppress(NixError, LinkLostError, AnsibleError), self._source(options) as source:
                peers.has(closure_infos(source, copy.paths))
        # An attempt whose connection broke may have brought all of it.
        return self._report(arrived, msg=None if arrived.paths or arrived.substituted else NOTHING_MISSING)

    def _attempt(self, copy: Copy, options: dict[str, t.Any], transport: Transport, arrived: Arrived) -> bool:
        """Copy what the machine lacks; return whether it lacked anything."""
        root = root_name(self.play_host)
        opened = opened_if_missing(
            self,
            copy.paths,
            gc_root=root,
            timeout=options["timeout"],
            compression=options["compression"],
        )
        with opened as here:
            if here is None:
                return False
            with self._source(options) as source:
                self._reached = True
                transport(copy, Attempt(source, here, arrived))
            here.keepalive.ask()
        if not here.keepalive.is_complete() and missing_paths(self.questions, copy.paths, gc_root=root):
            raise CopyError(
                "the closure is not there, although Nix says that it was copied", code="incomplete", advice="run again"
            )
        return True

    def _is_transient(self, error: Exception) -> bool:
        """Whether a copy that broke off so is tried again; a machine that could not be reached to begin with is not waited for."""
        return isinstance(error, LinkLostError) or (isinstance(error, AnsibleConnectionFailure) and self._reached)

    def _directly(self, copy: Copy, attempt: Attempt) -> None:
        """Have the source send all that is missing."""
        with attempt.source.store_at(attempt.here.socket) as store:
            self._send(copy, store, attempt)

    def _peers(self, options: dict[str, t.Any]) -> HostAmongPeers:
        # Few fleets copy from host to host.
        from ..plugin_utils.ansible.peers import HostAmongPeers

        return HostAmongPeers(self, options)

    def _in_cascade(self, peers: HostAmongPeers, copy: Copy, attempt: Attempt) -> None:
        """Have other hosts serve what they have, and the source send the rest."""
        arrived = attempt.arrived
        try:
            infos = closure_infos(attempt.source, copy.paths)
        except UnknownFormError as error:
            self.announce(f"no other host can be of help: {error.cause}")
            infos = []
        with attempt.source.store_at(attempt.here.socket) as store:

            def send(some: t.Sequence[PathInfo]) -> None:
                part = dataclasses.replace(copy, paths=[info.path for info in some], alone=True)
                self._send(part, store, attempt)

            spread = self._fetch_from_peers(peers, attempt.here, infos, send, copy)
            arrived.served.update(spread.served)
            arrived.paths.update((info.path, info.nar_size) for info in infos if info.path in spread.served)
            if spread.left:
                self._send(copy, store, attempt)
        peers.has(infos)

    def _fetch_from_peers(
        self, peers: HostAmongPeers, here: OpenedStore, infos: list[PathInfo], send: Send, copy: Copy
    ) -> Spread:
        """Return what others have served, and what is left for the source to send."""
        from ..plugin_utils.copy.cascade import Spread

        everything = Spread({}, tuple(copy.paths))
        if not infos:
            return everything
        try:
            return peers.fetch(here, infos, send)
        except CopyError as error:
            # What had arrived may have been collected as garbage meanwhile. The copy of all of it asks anew, and holds it.
            self.announce(f"a part did not arrive, so all that is still missing is copied at once: {error.cause}")
            return everything

    def _send(self, copy: Copy, store: str, attempt: Attempt) -> None:
        log = CopyLog()
        arrived = attempt.arrived
        whole = False
        command = copy.command(store)
        last_line = time.monotonic()

        def look() -> None:
            end_with_run()
            if 0 < self._progress_timeout < time.monotonic() - last_line:
                raise stalled(command, log, host=self.host, seconds=self._progress_timeout)

        try:
            with self.traced() as watch:
                follow = following(self, log, watch)

                def hear(line: str) -> None:
                    # Nix has a line to say of whatever it has sent or been told.
                    nonlocal last_line
                    last_line = time.monotonic()
                    follow(line)

                answer = attempt.source.run(command, hear, memory=MEMORY, look=look)
            whole = answer.ok
        finally:
            # Also what came before a connection broke: the next attempt does not find it missing.
            arrived.paths.update(log.sent if whole else log.sent_whole)
            arrived.substituted.extend(log.fetched)
        verify(answer, log, host=self.host)

    def _source(self, options: dict[str, t.Any]) -> AbstractContextManager[Source]:
        """Return where the closure is to come from."""
        host = options["source_host"]
        if host == self.host:
            raise CopyError(
                "the paths are not in this machine's own store", code="not_there", advice="build them here first"
            )
        return source_at(self, host, timeout=options["timeout"], nix_options=options["nix_options"])

    def _report(self, arrived: Arrived, *, msg: str | None = None, changed: bool | None = None) -> dict[str, t.Any]:
        """Return the result: what was copied, or would be."""
        # A path that was on its way when the target began to fetch may have come from there after all.
        copied = {path: length for path, length in arrived.paths.items() if path not in arrived.substituted}
        amount = f"{counted(len(copied), 'path')}, {size(sum(copied.values()))}"
        helped = f", {len(arrived.served)} of them from other hosts" if arrived.served else ""
        changed = bool(copied or arrived.substituted) if changed is None else changed
        result: dict[str, t.Any] = {
            "changed": changed,
            "copied_paths": list(copied),
            "copied_count": len(copied),
            "copied_bytes": sum(copied.values()),
            "served_by": dict(Counter(arrived.served.values())),
            "served_bytes": sum(copied[path] for path in arrived.served),
            "substituted_paths": arrived.substituted,
            "msg": f"{amount} {msg or 'copied'}{helped}" if changed else msg,
        }
        if self.diff_mode:
            lines = [f"{path}  {size(length)}\n" for path, length in copied.items()]
            result["diff"] = {"before": "", "after": "".join(lines), "after_header": f"store of {self.host}"}
        return result
