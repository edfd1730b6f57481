# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One evaluation for many hosts, although each host asks for itself, in a process of its own and at its own time."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ..core.errors import EvaluationError
from ..nix.machine import Controller
from .evaluation_budget import Budget
from .evaluation_cache import key
from .evaluation_result import Failed
from .task_evaluation import TaskEvaluation
from .task_process import begin

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..nix.machine import Machine
    from ..nix.source import Source
    from .evaluation_cache import EvaluationCache
    from .evaluation_journal import Answer, Journal
    from .task_evaluation import Request

SHORTEST_POLL = 0.02
LONGEST_POLL = 0.2
POLL_SHARE = 0.05
# An evaluation that something killed is begun once more by each host that it left without a result.
MOST_ATTEMPTS = 2
# The failures that this process has been told: one that asks again, as `until` makes it, wants another attempt.
TOLD: set[tuple[str, str]] = set()


class SharedEvaluation:
    """The evaluation of one source on one machine, as the hosts of one task share it.

    Whoever comes first has all evaluated. On the controller a process of the task's own does it, so that each host, the
    first one too, goes on as soon as its own result is there. Elsewhere, where results only come with the end of the
    command, the first host waits for all.

    ``prepare`` has the source where the machine finds it, and says how it is called there. It is asked once for all hosts.
    """

    def __init__(
        self,
        request: Request,
        machine: Machine,
        cache: EvaluationCache,
        *,
        task: str,
        prepare: Callable[[Source], Source] | None = None,
    ) -> None:
        self._request = request
        self._machine = machine
        self._cache = cache
        self._prepare = prepare
        self._lock = request.key(machine)
        self._room = cache.waiting_room(self._lock)
        self._task = key(self._lock, task, request.revisions)

    def ask(self, attribute: str, others: Callable[[], Iterable[str]] = tuple) -> Answer:
        """Return the answer for ``attribute``; if it has to be evaluated, evaluate ``others()`` along with it."""
        journal = self._cache.journal(self._task, attribute)
        journal.read_on()
        if (self._task, attribute) in TOLD:
            journal.forget(attribute)
        attempts, since = 0, time.monotonic()
        while True:
            # The lock comes first: what its last holder wrote is to be read.
            with self._cache.lock(self._lock) as held:
                journal.read_on()
                answer = journal.answer(attribute)
                if answer is not None:
                    if isinstance(answer.result, Failed):
                        TOLD.add((self._task, attribute))
                    return answer
                if held is not None:
                    if attempts == MOST_ATTEMPTS:
                        raise EvaluationError(
                            "the evaluation came to its end without a result",
                            advice="see whether something ended it, such as the kernel for want of memory, and run again",
                        )
                    attempts += 1
                    self._begin(attribute, others, journal, held)
                    continue
            # Until somebody evaluates, and where files cannot be locked by bytes. Soon at first, for what takes no time; then
            # such that many who wait for long are no load.
            waited = time.monotonic() - since
            time.sleep(min(max(waited * POLL_SHARE, SHORTEST_POLL), LONGEST_POLL))
            self._room.wait(attribute)

    def _begin(self, attribute: str, others: Callable[[], Iterable[str]], journal: Journal, lock: t.IO[str]) -> None:
        """Tell of what is known, and have the rest evaluated."""
        # With each task, since one that finds all known writes as much as another.
        self._cache.forget_tasks()
        try:
            request = self._prepared()
        except EvaluationError as error:
            journal.tell_failure(Failed(error.cause, error.command, error.log, error.advice))
            return
        # How much memory there is elsewhere is not known, and one process is enough of a load.
        budget = Budget(request.memory)
        evaluation = TaskEvaluation(request, self._machine, self._cache, budget, task=self._task)
        told = self._cache.journal(self._task)
        told.read_on()
        # What was told to this host was a failure.
        known = evaluation.tell_known(journal.snapshot, told.results.keys() - {attribute})
        journal.read_on()
        # Where nothing is to be evaluated, nobody needs to know who the others are, which takes longer than all of this.
        if attribute in known or journal.snapshot is None:
            return
        wanted = [attribute, *(name for name in others() if name not in known and name not in told.results)]
        if isinstance(self._machine, Controller):
            begin(request, self._machine, self._cache, lock, self._task, wanted, journal.snapshot, self._room)
        else:
            evaluation.evaluate(wanted, journal.snapshot, self._room)

    def _prepared(self) -> Request:
        if self._prepare is None:
            return self._request
        return dataclasses.replace(self._request, source=self._prepare(self._request.source))
