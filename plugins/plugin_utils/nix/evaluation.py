# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluating many attributes in few Nix processes, each attribute with an error of its own."""

from __future__ import annotations

import math
import threading
import typing as t

from ..errors import EvaluationError
from .eval_jobs import EvalJobs
from .evaluation_budget import UNLIMITED
from .evaluation_result import Failed
from .language import attribute_steps, value_literal
from .machine import portions
from .side_by_side import side_by_side
from .walk import Walk, failed

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .evaluation_budget import Budget
    from .evaluation_result import Result
    from .machine import Machine
    from .source import Source
    from .walk import End, Named

MEBIBYTE = 1 << 20
# An evaluator that cannot do this many attributes in a row has too small a share of the memory for its whole part.
MOST_OUTGROWN = 2


def evaluate(
    source: Source,
    attributes: Sequence[str],
    machine: Machine,
    *,
    apply: str | None = None,
    timeout: float | None = None,
    budget: Budget = UNLIMITED,
    on_result: Callable[[str, Result], None] | None = None,
) -> dict[str, Result]:
    """Evaluate ``attributes`` of ``source`` and return what became of each.

    As many processes as ``budget`` has room for evaluate a part of them each. An error ends a process: the attribute at
    fault is charged with it, and another process goes on with the rest, so that healthy attributes cost these processes
    whatever their number, and each broken one another. ``on_result`` is told of each as it is known.
    """
    results: dict[str, Result] = {}
    one_at_a_time = threading.Lock()

    def settle(attribute: str, result: Result) -> None:
        with one_at_a_time:
            results[attribute] = result
            if on_result is not None:
                on_result(attribute, result)

    pending: list[Named] = []
    for attribute in dict.fromkeys(attributes):
        try:
            pending.append((attribute, attribute_steps(attribute)))
        except EvaluationError as error:
            settle(attribute, Failed(error.cause, advice=error.advice))

    if apply is None:
        pending = EvalJobs(source, pending, settle).run(machine, budget, timeout)

    def part(evaluator: _Evaluator, named: list[Named]) -> Callable[[], list[Named]]:
        return lambda: evaluator.evaluate(named)

    def evaluator(processes: int) -> _Evaluator:
        return _Evaluator(source, machine, apply, timeout, budget.share(processes), settle, last=processes == 1)

    processes = budget.processes(len(pending))
    # By turns, so that the first of all are the first of their evaluators.
    parts = [part(evaluator(processes), pending[first::processes]) for first in range(processes)]
    outgrown = [named for each in side_by_side(parts) for named in each]
    if outgrown:
        evaluator(1).evaluate(outgrown)
    return results


class _Evaluator:
    """Evaluates a part of the attributes in a share of the memory, in one process after the other."""

    def __init__(
        self,
        source: Source,
        machine: Machine,
        apply: str | None,
        timeout: float | None,
        memory: int | None,
        settle: Callable[[str, Result], None],
        *,
        last: bool,
    ) -> None:
        self._source = source
        self._machine = machine
        self._apply = apply
        self._timeout = timeout
        self._memory = memory
        self._settle = settle
        self._last = last

    def evaluate(self, pending: list[Named]) -> list[Named]:
        """Evaluate ``pending``, and return those for which the share is too small and a larger one can be had."""
        outgrown: list[Named] = []
        while pending:
            walk = Walk(self._source, _portion(pending), self._apply, self._settle)
            end = walk.run(self._machine, timeout=self._timeout, memory=self._memory)
            pending = pending[walk.done :]
            if walk.complete or (walk.done and end.by_force):
                # By force: others have used up its memory or its time, perhaps. It goes first in a process of its own.
                continue
            if end.for_memory and not self._last:
                outgrown.append(pending.pop(0))
                if len(outgrown) == MOST_OUTGROWN:
                    return [*outgrown, *pending]
            elif walk.begun:
                attribute, steps = pending.pop(0)
                self._settle(attribute, self._failed(self._source.evaluate_one(steps, self._apply), walk, end))
            else:
                # The source itself is at fault, not one of its attributes.
                result = self._failed(self._source.evaluate_root(), walk, end)
                for attribute, _steps in pending:
                    self._settle(attribute, result)
                break
        return outgrown

    def _failed(self, command: Sequence[str], walk: Walk, end: End) -> Failed:
        if not end.for_memory or self._memory is None:
            return failed(command, walk.log, end)
        allowed = math.ceil(self._memory / MEBIBYTE)
        return Failed(
            f"its evaluation alone needs more memory than the {allowed} MiB that there are for evaluations",
            tuple(command),
            advice="look for a recursion without end in it, allow more (eval_memory, deploy_eval_memory), or evaluate"
            " on a machine that has more (delegate_to)",
        )


def _portion(pending: Sequence[Named]) -> list[Named]:
    """Return the first of ``pending``: as many as the command line of one process can name, which is a thousand."""
    return next(portions(pending, lambda named: len(value_literal(named[1]))))
