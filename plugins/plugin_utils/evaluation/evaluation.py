# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluating many attributes in few Nix processes, each attribute with an error of its own."""

from __future__ import annotations

import math
import threading
import typing as t

from ..core.errors import EvaluationError
from ..nix.language import attribute_steps, value_literal
from ..nix.machine import portions
from .eval_jobs import EvalJobs
from .evaluation_budget import UNLIMITED
from .evaluation_result import Failed
from .parts import Claims, parted
from .side_by_side import side_by_side
from .walk import Walk, failed

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..nix.machine import Machine
    from ..nix.source import Source
    from .evaluation_budget import Budget
    from .evaluation_result import Result
    from .parts import Part
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

    As many processes as ``budget`` has room for evaluate a part of them each, and who is through with its part goes on with
    the ends of the others'. An error ends a process: the attribute at fault is charged with it, and another process goes on
    with the rest, so that healthy attributes cost these processes whatever their number, and each broken one another.
    ``on_result`` is told of each as it is known.
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

    def run(parts: list[Part]) -> None:
        claims = Claims()
        memory, last = budget.share(len(parts)), len(parts) == 1

        def work(part: Part) -> Callable[[], None]:
            evaluator = _Evaluator(source, machine, apply, timeout, memory, settle, claims, last=last)
            return lambda: evaluator.evaluate(part)

        side_by_side([work(part) for part in parts])

    run(parted(pending, budget.processes(len(pending))))
    # Those that have outgrown a share have the whole, one after the other.
    left = [named for named in pending if named[0] not in results]
    if left:
        run(parted(left, 1))
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
        claims: Claims,
        *,
        last: bool,
    ) -> None:
        self._source = source
        self._machine = machine
        self._apply = apply
        self._timeout = timeout
        self._memory = memory
        self._settle = settle
        self._claims = claims
        self._last = last

    def evaluate(self, part: Part) -> None:
        """Evaluate ``part``, but for attributes for which the share is too small and a larger one can be had."""
        pending, outgrown = [*part.own], 0
        # No process is begun for what is others': it would read all that they have read.
        while pending := [named for named in pending if self._claims.open_to(self, named[0])]:
            walk = Walk(self._source, _portion([*pending, *part.others]), self._apply, self._settle, self._claim)
            end = walk.run(self._machine, timeout=self._timeout, memory=self._memory)
            if walk.done >= len(pending):
                if walk.stopped_at and not end.by_force:
                    self._fail(walk.stopped_at, walk, end)
                elif walk.stopped_at:
                    # Its own evaluator may come to it, with more memory or time.
                    self._claims.give_up(walk.stopped_at[0], self)
                return
            pending = pending[walk.done :]
            if walk.complete or walk.superfluous or (walk.done and end.by_force):
                # By force: others have used up its memory or its time, perhaps. It goes first in a process of its own.
                continue
            if end.for_memory and not self._last:
                del pending[0]
                outgrown += 1
                if outgrown == MOST_OUTGROWN:
                    return
            elif walk.begun:
                self._fail(pending.pop(0), walk, end)
            else:
                # The source itself is at fault, not one of its attributes.
                result = self._failed(self._source.evaluate_root(), walk, end)
                for attribute, _steps in pending:
                    if self._claim(attribute):
                        self._settle(attribute, result)
                return

    def _claim(self, attribute: str) -> bool:
        return self._claims.claim(attribute, self)

    def _fail(self, named: Named, walk: Walk, end: End) -> None:
        attribute, steps = named
        if self._claim(attribute):
            self._settle(attribute, self._failed(self._source.evaluate_one(steps, self._apply), walk, end))

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
