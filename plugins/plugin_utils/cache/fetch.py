# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fetch: paths that a machine is to have from stores, without anything being built or sent there."""

from __future__ import annotations

import dataclasses
import typing as t

from ..core.errors import CacheError
from ..nix.command import nix
from ..nix.log import LOG_FORMAT, NixLog, readable
from .store import NOT_VALID, UNTRUSTED, failure

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..nix.machine import Machine
    from .store import Store

# With these, what no store has fails at once.
NO_BUILDS = ("--max-jobs", "0", "--builders", "")


@dataclasses.dataclass(frozen=True)
class Fetch:
    """Paths to be fetched, from ``store`` alone or from wherever the machine fetches."""

    paths: Sequence[str]
    store: Store | None = None
    timeout: float | None = None

    def prove(self, machine: Machine, store: Store) -> None:
        """Raise ``CacheError`` unless ``machine`` finds the whole closure in ``store``, signed by keys that it trusts.

        What was asked for is also read there, archive and all.
        """
        trust = ("--sigs-needed", "1", "--store", store.uri, "--", *self.paths)
        for how in (("--recursive", "--no-contents"), ()):
            command = nix("store", "verify", *LOG_FORMAT, *how, *trust)
            answer = machine.run(command, timeout=self.timeout)
            if not answer.ok:
                raise _unproved(store, command, NixLog().read_all(answer.stderr), machine, answer.rc)

    def carry_out(self, machine: Machine, on_line: t.Callable[[str], t.Any], log: NixLog, *, dry_run: bool) -> None:
        """Have ``machine`` fetch, or say what it would; ``log`` has read each line that ``on_line`` was handed."""
        only = ["--option", "substituters", self.store.uri] if self.store else []
        command = nix(
            "build",
            *LOG_FORMAT,
            "--no-link",
            *(["--dry-run"] if dry_run else NO_BUILDS),
            "--option",
            "substitute",
            "true",
            *only,
            "--",
            *self.paths,
        )
        answer = machine.run(command, timeout=self.timeout, on_stderr_line=on_line)
        if not answer.ok:
            raise _unfetched(self.store, command, log, machine, answer.rc)


def _unproved(store: Store, command: Sequence[str], log: NixLog, machine: Machine, rc: int) -> CacheError:
    messages = "\n".join(message.text for message in log.messages)
    untrusted = UNTRUSTED.findall(messages)
    if untrusted:
        return CacheError(
            f"{store.uri} has {untrusted[0]} without a signature that {machine.name} trusts",
            code="unsigned",
            command=readable(command),
            log=messages,
            advice="push it with a key (secret_key_file), and have the machine trust that one:"
            " nix.settings.extra-trusted-public-keys in its configuration",
        )
    missing = NOT_VALID.findall(messages)
    if missing:
        return CacheError(
            f"{store.uri}, as seen from {machine.name}, does not have {missing[0]}",
            code="missing",
            command=readable(command),
            log=messages,
            advice="push it there: nix_cache_push, nix.fleet.cache; or, if it is there, let this machine read it: a bucket that does"
            " not answers as if it were empty",
        )
    causes = [message.cause for message in log.errors]
    return failure(store, command=readable(command), causes=causes, log=log.text, machine=machine.name, rc=rc)


def _unfetched(store: Store | None, command: Sequence[str], log: NixLog, machine: Machine, rc: int) -> CacheError:
    where = store.uri if store else "its substituters"
    return CacheError(
        f"{machine.name} could not fetch from {where}: {log.cause or f'Nix ended with exit code {rc}'}",
        code="not_fetched",
        command=readable(command),
        log=log.text,
        advice="a user whom the machine's Nix does not trust (trusted-users) fetches only from its own substituters: escalate"
        " (become), or name the store in its configuration: nix.settings.extra-substituters"
        if store and "untrusted substituter" in log.text
        else "see that a store that the machine fetches from has them, signed by a key that it trusts",
    )
