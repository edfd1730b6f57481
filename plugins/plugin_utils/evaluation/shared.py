# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One evaluation for all hosts of a task, although each host asks for itself, in a process of its own and at its own time.

Whoever comes first has all evaluated. On the controller a process of the task's own does it, so that each host, the first one
too, goes on as soon as its own result is there. It ends with its work, or with the run that it works for. On another machine,
where results only come with the end of the command, the first host waits for all.

The reports to the hosts are in the run state. The topic `evaluation` has, by the key of the task, the revision that all hosts
are of, or why nobody gets a result, and the claim of who evaluates. The topic `evaluation KEY` has the results.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import threading
import traceback
import typing as t
from pathlib import Path

from ..core.errors import EvaluationError, NixError
from ..core.process import await_end, end_all
from ..nix.machine import Controller
from ..nix.source import Snapshot, Source
from ..run_state.run_state import RunState
from .request import Evaluated, EvaluationCache, Failed, Request, from_json, key, take_snapshot, to_json

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..nix.machine import Machine
    from .request import Result

TOPIC = "evaluation"
# An evaluation that something killed is begun once more by each host that it left without a result.
MOST_ATTEMPTS = 2
# The failures that this process was told of, by their numbers: one that asks again, as `until` makes it, wants another attempt.
REPORTED: dict[tuple[str, str], int] = {}
# Nothing of ours is found by a path that others have a say in.
ISOLATED = "-I"
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from plugin_utils.evaluation.shared import main
main()
"""
PLUGINS = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a host gets: the result for its attribute, of which revision, and whether nothing had to be evaluated."""

    result: Result
    snapshot: Snapshot
    cached: bool


@dataclasses.dataclass(frozen=True)
class Reports:
    """What was reported to the hosts of the task ``task``, but for what comes before the note of number ``after``."""

    state: RunState
    task: str
    after: int = 0

    def snapshot(self) -> Snapshot | None:
        """Return the revision that all hosts are of."""
        found = [note.value["snapshot"] for note in self._of_all() if "snapshot" in note.value]
        return Snapshot(**found[-1]) if found else None

    def results(self) -> set[str]:
        """Return the attributes that were ever reported."""
        return {note.name for note in self.state.notes(f"{TOPIC} {self.task}")}

    def answer(self, attribute: str) -> tuple[int, Answer] | None:
        """Return what was reported of ``attribute``, or last of all, and the number of that note."""
        found = self.state.latest(f"{TOPIC} {self.task}", attribute)
        if found is not None and found.number > self.after:
            result, cached = from_json(found.value["result"]), found.value["cached"]
            return found.number, Answer(result, self.snapshot() or Snapshot(), cached)
        of_all = self._of_all()
        if not of_all or "failed" not in of_all[-1].value:
            return None
        return of_all[-1].number, Answer(from_json(of_all[-1].value), self.snapshot() or Snapshot(), cached=False)

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Say which revision all hosts are of."""
        self.state.note(TOPIC, self.task, {"snapshot": dataclasses.asdict(snapshot)})

    def add_failure(self, failed: Failed) -> None:
        """Say why no host gets a result that has none yet."""
        self.state.note(TOPIC, self.task, to_json(failed))

    def add(self, results: Iterable[tuple[str, Result]], *, cached: bool) -> None:
        """Say what became of attributes."""
        values = ((attribute, {"result": to_json(result), "cached": cached}) for attribute, result in results)
        self.state.note_all(f"{TOPIC} {self.task}", values)

    def _of_all(self) -> list[t.Any]:
        return self.state.notes(TOPIC, self.task, after=self.after)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The evaluation of ``request`` at the revision ``snapshot``; each result is reported as it is known."""

    request: Request
    snapshot: Snapshot
    machine: Machine
    cache: EvaluationCache
    reports: Reports

    def known(self) -> dict[str, Evaluated]:
        """Return what is known from earlier runs and still has its derivation in the store."""
        if not self.request.source.reproducible:
            return {}
        results = self.cache.known(self._revision)
        existing = self.machine.existing([result.drv_path for result in results.values() if result.drv_path])
        return {
            attribute: result
            for attribute, result in results.items()
            if result.drv_path is None or result.drv_path in existing
        }

    def evaluate(self, attributes: Sequence[str]) -> None:
        """Evaluate ``attributes``, unless another run does the same right now: its results are taken."""
        with self.cache.lock(self.request.key(self.machine)):
            known = self.known()
            wanted = []
            # Several hosts may be of one configuration.
            for attribute in dict.fromkeys(attributes):
                if attribute in known:
                    self.reports.add([(attribute, known[attribute])], cached=True)
                else:
                    wanted.append(attribute)
            if wanted:
                self._evaluate(wanted)

    def _evaluate(self, wanted: Sequence[str]) -> None:
        # Of a run's processes only the one that evaluates needs it, if any does.
        from .evaluator import Budget, budget_here, evaluate

        # How much memory there is elsewhere is not known, and one process is enough of a load.
        budget = (budget_here if isinstance(self.machine, Controller) else Budget)(self.request.memory)
        results: dict[str, Result] = {}

        def on_result(attribute: str, result: Result) -> None:
            results[attribute] = result
            # The run may be over with its last result, and must not be before everything is written down. The processes
            # need not have ended for that, which takes them longer the more memory they have.
            if len(results) == len(wanted):
                self._keep(results)
            self.reports.add([(attribute, result)], cached=False)

        evaluate(
            self.request.at(self.snapshot),
            wanted,
            self.machine,
            apply=self.request.apply,
            timeout=self.request.timeout,
            budget=budget,
            on_result=on_result,
        )

    def _keep(self, results: Mapping[str, Result]) -> None:
        """Write ``results`` down for later runs, unless the source has changed meanwhile."""
        source = self.request.source
        if source.reproducible and take_snapshot(source, self.machine, self.request.timeout) == self.snapshot:
            evaluated = {attribute: result for attribute, result in results.items() if isinstance(result, Evaluated)}
            # A full disk costs a later run its time, and this one nothing.
            with contextlib.suppress(OSError):
                self.cache.keep(self._revision, {**self.known(), **evaluated})

    @property
    def _revision(self) -> str:
        return key(self.request.key(self.machine), self.snapshot.content)


class SharedEvaluation:
    """The evaluation of one source on one machine, as the hosts of one task share it.

    ``prepare`` has the source where the machine finds it, and says how it is called there. It is asked once for all hosts.
    """

    def __init__(
        self,
        request: Request,
        machine: Machine,
        cache: EvaluationCache,
        state: RunState,
        *,
        task: str,
        prepare: Callable[[Source], Source] | None = None,
    ) -> None:
        self._request = request
        self._machine = machine
        self._cache = cache
        self._state = state
        self._prepare = prepare
        self._task = key(request.key(machine), task, request.revisions, request.require_lock)

    def ask(self, attribute: str, others: Callable[[], Iterable[str]] = tuple) -> Answer:
        """Return the answer for ``attribute``; if it has to be evaluated, evaluate ``others()`` along with it."""
        reports = Reports(self._state, self._task, REPORTED.get((self._task, attribute), 0))
        attempts = 0
        while True:
            found = self._state.wait_while_claimed(TOPIC, self._task, lambda: reports.answer(attribute))
            if found is None and self._state.claim(TOPIC, self._task):
                # What the last holder wrote is to be read.
                found = reports.answer(attribute)
                if found is None and attempts == MOST_ATTEMPTS:
                    self._state.release(TOPIC, self._task)
                    raise EvaluationError(
                        "the evaluation came to its end without a result",
                        code="no_result",
                        log=self._printed(),
                        advice="see whether something ended it, such as the kernel for want of memory, and run again",
                    )
                if found is None:
                    attempts += 1
                    self._begin(attribute, others, reports)
                    continue
                self._state.release(TOPIC, self._task)
            if found is not None:
                number, answer = found
                if isinstance(answer.result, Failed):
                    REPORTED[self._task, attribute] = number
                return answer

    def _printed(self) -> str:
        """Return what the process that evaluated has printed, if there was one."""
        with contextlib.suppress(OSError):
            return self._state.log(self._task).read_text(errors="replace")
        return ""

    def _begin(self, attribute: str, others: Callable[[], Iterable[str]], reports: Reports) -> None:
        """Have what this process has claimed evaluated, and the claim ended with it."""
        handed_over = False
        try:
            handed_over = self._evaluate(attribute, others, reports)
        except EvaluationError as error:
            if reports.snapshot() is not None:
                raise
            reports.add_failure(Failed.of(error))
        finally:
            if not handed_over:
                self._state.release(TOPIC, self._task)

    def _evaluate(self, attribute: str, others: Callable[[], Iterable[str]], reports: Reports) -> bool:
        """Tell of what is known, and have the rest evaluated; return whether another process does that."""
        request = self._request
        if self._prepare is not None:
            request = dataclasses.replace(request, source=self._prepare(request.source))
        snapshot = reports.snapshot()
        if snapshot is None:
            found = request.snapshot(self._machine)
            if isinstance(found, Failed):
                reports.add_failure(found)
                return False
            snapshot = found
            reports.add_snapshot(snapshot)
        evaluation = Evaluation(request, snapshot, self._machine, self._cache, reports)
        # What was reported of this one before was a failure.
        results = reports.results() - {attribute}
        known = evaluation.known()
        reports.add(((name, result) for name, result in known.items() if name not in results), cached=True)
        # Where nothing is to be evaluated, nobody needs to know who the others are, which takes longer than all of this.
        if attribute in known:
            return False
        wanted = [attribute, *(name for name in others() if name not in known and name not in results)]
        if isinstance(self._machine, Controller):
            process = _start(request, self._machine, self._cache, self._state, self._task, wanted, snapshot)
            self._state.hand_over(TOPIC, self._task, process)
            return True
        evaluation.evaluate(wanted)
        return False


def _start(
    request: Request,
    machine: Controller,
    cache: EvaluationCache,
    state: RunState,
    task: str,
    attributes: Sequence[str],
    snapshot: Snapshot,
) -> int:
    """Start the task's own process, and return its number."""
    work = {
        "request": dataclasses.asdict(request),
        "environment": machine.environment,
        "cache": str(cache.directory),
        "state": str(state.directory),
        "task": task,
        "attributes": list(attributes),
        "snapshot": dataclasses.asdict(snapshot),
        # This process is one host's, and its parent the whole run.
        "run": os.getppid(),
    }
    # It tells by its reports; what it prints tells why it could not.
    with state.log(task).open("wb") as printed:
        process = subprocess.Popen(
            [sys.executable, ISOLATED, "-c", PROGRAM, str(PLUGINS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=printed,
            start_new_session=True,
        )
    # By a pipe, since settings of Nix may be secrets.
    # One that does not read it has ended, which its hosts notice.
    with contextlib.suppress(BrokenPipeError), t.cast("t.IO[bytes]", process.stdin) as stdin:
        stdin.write(json.dumps(work).encode())
    return process.pid


def main() -> None:
    """Do the work that standard input tells of, as the process that ``_start`` starts."""
    work = json.load(sys.stdin)
    threading.Thread(target=_end_with, args=(work["run"],), daemon=True).start()
    reports = Reports(RunState(Path(work["state"])), work["task"])
    try:
        request = Request(**{**work["request"], "source": Source(**work["request"]["source"])})
        machine, cache = Controller(work["environment"]), EvaluationCache(Path(work["cache"]))
        evaluation = Evaluation(request, Snapshot(**work["snapshot"]), machine, cache, reports)
        evaluation.evaluate(work["attributes"])
    except NixError as error:
        reports.add_failure(Failed.of(error))
    except Exception as error:  # noqa: BLE001  # nobody else would tell the hosts
        reports.add_failure(Failed(f"{type(error).__name__}: {error}", log=traceback.format_exc(), code="crashed"))


def _end_with(run: int) -> None:
    """Wait for the end of the process ``run``, and end all that is done for it."""
    await_end(run)
    end_all()
    os._exit(1)
