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
from .budget import heap_limit
from .result import Evaluated

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..nix.machine import Machine
    from ..nix.source import Source
    from .budget import Budget
    from .evaluator import Named, Report

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


def evaluate_by_jobs(
    source: Source,
    pending: Sequence[Named],
    machine: Machine,
    budget: Budget,
    timeout: float | None,
    report: Report,
) -> list[Named]:
    """Evaluate what nix-eval-jobs can of ``pending``, with a ``report`` of each, and return the rest."""
    reported: set[str] = set()

    def read(line: str) -> None:
        found = _result(line, pending)
        if found is not None and found[0] not in reported:
            reported.add(found[0])
            report(*found)

    if pending and _is_usable(machine, source):
        processes = budget.processes(len(pending))
        share = budget.share(processes)
        # One that is without end is among those that are left, and will be found.
        with contextlib.suppress(CommandTimeoutError):
            machine.run(
                [*SWAPPED, *_command(source, pending, processes, share)],
                timeout=timeout,
                on_stderr_line=read,
                environment={} if share is None else heap_limit(share),
            )
    return [named for named in pending if named[0] not in reported]


def _is_usable(machine: Machine, source: Source) -> bool:
    """Return whether it is there for ``source``, in a release that can be told what to evaluate."""
    if not isinstance(machine, Controller) or source.expression is not None:
        return False
    if shutil.which(PROGRAM, path=machine.environment.get("PATH")) is None:
        return False
    return NEEDED in machine.run([PROGRAM, "--help"]).stdout


def _command(source: Source, pending: Sequence[Named], processes: int, share: int | None) -> list[str]:
    size = [] if share is None else ["--max-memory-size", str(share // MEBIBYTE)]
    paths = value_literal([list(steps) for _attribute, steps in pending])
    root = "given.outputs" if source.flake is not None else "given"
    return [
        PROGRAM,
        *("--option", FEATURES[0].removeprefix("--"), FEATURES[1]),
        *("--workers", str(processes)),
        *size,
        *(NEEDED, SELECT.format(root=root, paths=paths)),
        *source.evaluation_jobs(),
    ]


def _result(line: str, pending: Sequence[Named]) -> tuple[str, Evaluated] | None:
    """Return what a line of its output says that an attribute evaluated to, if it does."""
    try:
        job = json.loads(line)
        attribute, _steps = pending[int(job["attr"].removeprefix("a"))]
        derivation, outputs = job["drvPath"], job["outputs"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    # Which of several outputs is meant, the derivation alone knows.
    if not isinstance(derivation, str) or len(outputs) != 1:
        return None
    (out,) = outputs.values()
    known = isinstance(out, str) and out.startswith(f"{STORE_DIRECTORY}/")
    return attribute, Evaluated(derivation, out if known else None)
