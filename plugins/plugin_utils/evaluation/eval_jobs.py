# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix-eval-jobs, where it is there: the same work by a program made for it.

Only what it finds is taken from it. What it has an error for, or does not come to, is evaluated by `nix eval` after
all, which costs another process for a broken host and tells its error as always.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import typing as t

from ..core.process import CommandTimeoutError
from ..nix.command import FEATURES
from ..nix.language import value_literal
from ..nix.machine import Controller
from ..nix.store import STORE_DIRECTORY
from .evaluation_budget import heap_limit
from .evaluation_result import Evaluated

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..nix.machine import Machine
    from ..nix.source import Source
    from .evaluation_budget import Budget
    from .walk import Named

PROGRAM = "nix-eval-jobs"
# It came with release 2.31, and names the attributes to evaluate.
NEEDED = "--select"
# Results come on standard output, and only standard error is handed on by line: they change places.
SWAPPED = ("sh", "-c", 'exec "$@" 3>&1 1>&2 2>&3', "sh")
MEBIBYTE = 1 << 20

# A set of what the paths name, under names of our own in the order of the paths. What is missing is an error.
SELECT = """given: let
  root = {root};
  paths = {paths};
  named = index: let name = toString index; in "a${{builtins.substring 0 (6 - builtins.stringLength name) "000000"}}${{name}}";
in builtins.listToAttrs (builtins.genList (index: {{
  name = named index;
  value = builtins.foldl' (found: name: found.${{name}}) root (builtins.elemAt paths index);
}}) (builtins.length paths))"""


class EvalJobs:
    """One run of nix-eval-jobs over the attributes of a source."""

    def __init__(self, source: Source, pending: Sequence[Named], settle: Callable[[str, Evaluated], None]) -> None:
        self._source = source
        self._pending = pending
        self._settle = settle
        self._settled: set[str] = set()

    def run(self, machine: Machine, budget: Budget, timeout: float | None) -> list[Named]:
        """Evaluate what it can, and return the rest."""
        if _can(machine, self._source):
            processes = budget.processes(len(self._pending))
            share = budget.share(processes)
            # One that is without end is among those that are left, and will be found.
            with contextlib.suppress(CommandTimeoutError):
                machine.run(
                    [*SWAPPED, *self._command(processes, share)],
                    timeout=timeout,
                    on_stderr_line=self._read,
                    environment={} if share is None else heap_limit(share),
                )
        return [named for named in self._pending if named[0] not in self._settled]

    def _command(self, processes: int, share: int | None) -> list[str]:
        size = [] if share is None else ["--max-memory-size", str(share // MEBIBYTE)]
        paths = value_literal([list(steps) for _attribute, steps in self._pending])
        root = "given.outputs" if self._source.flake is not None else "given"
        return [
            PROGRAM,
            *("--option", FEATURES[0].removeprefix("--"), FEATURES[1]),
            *("--workers", str(processes)),
            *size,
            *(NEEDED, SELECT.format(root=root, paths=paths)),
            *self._source.evaluation_jobs(),
        ]

    def _read(self, line: str) -> None:
        try:
            job = json.loads(line)
            attribute, _steps = self._pending[int(job["attr"].removeprefix("a"))]
            derivation, outputs = job["drvPath"], job["outputs"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return
        # Which of several outputs is meant, the derivation alone knows.
        if attribute in self._settled or not isinstance(derivation, str) or len(outputs) != 1:
            return
        (out,) = outputs.values()
        known = isinstance(out, str) and out.startswith(f"{STORE_DIRECTORY}/")
        self._settled.add(attribute)
        self._settle(attribute, Evaluated(derivation, out if known else None))


def _can(machine: Machine, source: Source) -> bool:
    """Return whether it is there for ``source``, in a release that can be told what to evaluate."""
    if not isinstance(machine, Controller) or source.expression is not None:
        return False
    search = machine.environment.get("PATH")
    if shutil.which(PROGRAM, path=search) is None:
        return False
    return NEEDED in machine.run([PROGRAM, "--help"]).stdout
