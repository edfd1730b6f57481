# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One push: what is to be in a store that others fetch from, the key that signs it, and how it gets there.

The key is a file on the machine that pushes, which is refused when everyone there may read it.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..copy.copying import Copy, CopyLog
from ..core.errors import CacheError
from ..core.text import counted
from ..nix.command import nix
from ..nix.log import LOG_FORMAT, NixLog, readable
from ..nix.machine import portions
from ..nix.store import parse_path_sizes, path_sizes
from ..target.programs import program
from .store import Lack, failure, lack

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..nix.machine import Machine
    from .store import Store

# NAME:BASE64 of the 32 bytes of an Ed25519 key (the Nix manual, `nix key`).
PUBLIC_KEY = re.compile(r"[^\s:]+:[A-Za-z0-9+/]{43}=")

MAKE_ONE = "`(umask 077; nix key generate-secret --key-name cache.example.org-1 >FILE)`"
# By exit code of the script.
ADVICE = {
    3: f"put it there, or make one: {MAKE_ONE}",
    4: "chmod 600 it; if anyone may have read it, make a new key and have the machines trust that one instead",
    5: "give it to the user who pushes, or escalate (become)",
    6: f"make one: {MAKE_ONE}",
}


@dataclasses.dataclass(frozen=True)
class SigningKey:
    """Where a secret key is, and the public key that belongs to it."""

    file: str
    public: str


def signing_key(file: str, machine: Machine) -> SigningKey:
    """Return the key in ``file`` of ``machine``; raises ``CacheError`` when it is none, or none that is secret."""
    if not file.startswith(("/", "~/")):
        raise CacheError(f"{file} is not an absolute path, nor one that begins with ~/", code="bad_key")
    answer = machine.run(["sh", "-c", f'{program("store")}\nstore_signing_key "$1"', "sh", file])
    if not answer.ok:
        refusals = [line for line in answer.stderr.splitlines() if line.strip()]
        raise CacheError(
            f"the signing key on {machine.name} cannot be used: {refusals[-1] if refusals else 'no reason given'}",
            code="bad_key",
            advice=ADVICE.get(answer.rc),
        )
    fields = dict(line.partition("=")[::2] for line in answer.stdout.splitlines())
    public = fields.get("key", "")
    if not PUBLIC_KEY.fullmatch(public) or "file" not in fields:
        raise CacheError(
            f"{machine.name} was asked for the public key of {file} and said something else", code="bad_key"
        )
    return SigningKey(fields["file"], public)


@dataclasses.dataclass(frozen=True)
class Survey:
    """The closure that is to be there, by path and size, the key that signs it, and what the store lacks of both."""

    sizes: Mapping[str, int]
    lack: Lack
    key: SigningKey | None = None


@dataclasses.dataclass(frozen=True)
class Push:
    """What is to be pushed, where to, and the file of the key that signs it."""

    paths: Sequence[str]
    store: Store
    key_file: str | None = None

    def survey(self, machine: Machine) -> Survey:
        """Ask ``machine``, which has the closure, what the store lacks of it; changes nothing."""
        sizes = self._closure(machine)
        key = signing_key(self.key_file, machine) if self.key_file else None
        if self.store.info_file and not machine.existing([self.store.info_file]):
            # Nix would make the directory to tell that it is empty.
            return Survey(sizes, Lack(tuple(sizes)), key)
        public = key.public if key else None
        lacking = lack(self.store, [*sizes], machine, public_key=public)
        if lacking.unsigned and not self.store.adds_signatures:
            raise CacheError(
                f"{self.store.uri} has {counted(len(lacking.unsigned), 'path')} without a signature of this key,"
                " and takes none for what it has already",
                code="unsigned",
                log="\n".join(lacking.unsigned),
                advice="push to it by ssh-ng:// instead of ssh://, or sign them on that machine: `nix store sign`",
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
        answer = machine.run(command)
        if not answer.ok:
            raise NotHereError(
                f"{machine.name} does not have what is to be pushed",
                code="not_built",
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
        answer = machine.run(command, on_stderr_line=follow)
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
