# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One push: what is to be in a store that others fetch from, signed, and how it gets there."""

from __future__ import annotations

import dataclasses
import typing as t

from ..copy.copying import Copy, CopyLog
from ..core.errors import CacheError
from ..core.quantities import counted
from ..nix.command import nix
from ..nix.log import LOG_FORMAT, NixLog, readable
from ..nix.machine import portions
from ..nix.store import parse_path_sizes, path_sizes
from .errors import failure
from .key import SigningKey, signing_key
from .lack import Lack, lack

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..nix.machine import Machine
    from .store import Store


@dataclasses.dataclass(frozen=True)
class Survey:
    """The closure that is to be there, by path and size, the key that signs it, and what the store lacks of both."""

    sizes: Mapping[str, int]
    lack: Lack
    key: SigningKey | None = None


@dataclasses.dataclass(frozen=True)
class Push:
    """What is to be pushed, where to, and the file of the key that signs it; ``timeout`` is for each command."""

    paths: Sequence[str]
    store: Store
    key_file: str | None = None
    timeout: float | None = None

    def survey(self, machine: Machine) -> Survey:
        """Ask ``machine``, which has the closure, what the store lacks of it; changes nothing."""
        sizes = self._closure(machine)
        key = signing_key(self.key_file, machine) if self.key_file else None
        if self.store.info_file and not machine.existing([self.store.info_file]):
            # Nix would make the directory to tell that it is empty.
            return Survey(sizes, Lack(tuple(sizes)), key)
        public = key.public if key else None
        lacking = lack(self.store, [*sizes], machine, public_key=public, timeout=self.timeout)
        if lacking.unsigned and not self.store.adds_signatures:
            raise CacheError(
                f"{self.store.uri} has {counted(len(lacking.unsigned), 'path')} without a signature of this key,"
                " and takes none for what it has already",
                log="\n".join(lacking.unsigned),
                advice="push to it by ssh-ng:// instead of ssh://, or sign them on that machine: nix store sign",
            )
        return Survey(sizes, lacking, key)

    def carry_out(self, machine: Machine, survey: Survey, follow: Callable[[str], t.Any], log: CopyLog) -> None:
        """Give the store what it lacks; ``follow`` is handed each line, and ``log`` has read it."""
        if survey.key:
            # Signed here, so that a machine that asks for signatures takes them.
            self._sign(machine, survey.key, survey.lack.missing, there=False)
            self._sign(machine, survey.key, survey.lack.unsigned, there=True)
        if survey.lack.missing:
            # Their references come with them, which is in the order that a store wants.
            self._run(machine, Copy(self.paths).command(self.store.uri), follow, log)

    def _closure(self, machine: Machine) -> dict[str, int]:
        command = path_sizes(*self.paths, closure=True)
        answer = machine.run(command, timeout=self.timeout)
        if not answer.ok:
            raise NotHereError(
                f"{machine.name} does not have what is to be pushed",
                command=command,
                log=answer.stderr,
                advice="build it there first, or run the task on the machine that has it (delegate_to)",
            )
        return {info.path: info.nar_size for info in parse_path_sizes(answer.stdout)}

    def _sign(self, machine: Machine, key: SigningKey, paths: Sequence[str], *, there: bool) -> None:
        store = ["--store", self.store.uri] if there else []
        for some in portions(paths, len):
            command = nix("store", "sign", *LOG_FORMAT, "--key-file", key.file, *store, "--", *some)
            log = NixLog()
            self._run(machine, command, log.read, log)

    def _run(self, machine: Machine, command: Sequence[str], follow: Callable[[str], t.Any], log: NixLog) -> None:
        answer = machine.run(command, timeout=self.timeout, on_stderr_line=follow)
        if not answer.ok:
            raise failure(
                self.store,
                command=readable(command),
                causes=[message.cause for message in log.errors],
                log=log.text,
                machine=machine.name,
                rc=answer.rc,
            )


class NotHereError(CacheError):
    """The machine does not have what it was to push."""
