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
    from ..run_state.run_state import Note
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
class _Task:
    """What the hosts of a task ask together, by its name in the run state, and what they were told after the note number ``after``."""

    request: Request
    machine: Machine
    cache: EvaluationCache
    state: RunState
    name: str
    after: int = 0

    @property
    def topic(self) -> str:
        """The topic of the results."""
        return f"{TOPIC} {self.name}"

    def snapshot(self) -> Snapshot | None:
        """Return the revision that all hosts are of."""
        found = [note.value["snapshot"] for note in self._of_all() if "snapshot" in note.value]
        return Snapshot(**found[-1]) if found else None

    def answer(self, attribute: str) -> tuple[int, Answer] | None:
        """Return what was reported of ``attribute``, or last of all, and the number of that note."""
        found = self.state.latest(self.topic, attribute)
        if found is None or found.number <= self.after:
            found = next((note for note in self._of_all()[-1:] if "result" in note.value), None)
        if found is None:
            return None
        result, snapshot = from_json(found.value["result"]), self.snapshot() or Snapshot()
        return found.number, Answer(result, snapshot, found.value["cached"])

    def report(self, results: Iterable[tuple[str, Result]], *, cached: bool) -> None:
        """Say what became of attributes."""
        self.state.note_all(self.topic, ((attribute, _report(result, cached)) for attribute, result in results))

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
        # Of a run's processes only the one that evaluates needs it, if any does.
        from .evaluator import Budget, budget_here, evaluate

        results: dict[str, Result] = {}

        def on_result(attribute: str, result: Result) -> None:
            results[attribute] = result
            # The run may be over with its last result, and must not be before everything is written down. The processes
            # need not have ended for that, which takes them longer the more memory they have.
            if len(results) == len(wanted):
                self._keep(results)
            self.report([(attribute, result)], cached=False)

        with self.cache.lock(self.request.key(self.machine)):
            known = self.known()
            # Several hosts may be of one configuration.
            wanted = [attribute for attribute in dict.fromkeys(attributes) if attribute not in known]
            self.report([(attribute, known[attribute]) for attribute in attributes if attribute in known], cached=True)
            evaluate(
                self.request.at(self._at),
                wanted,
                self.machine,
                apply=self.request.apply,
                timeout=self.request.timeout,
                # How much memory there is elsewhere is not known, and one process is enough of a load.
                budget=(budget_here if isinstance(self.machine, Controller) else Budget)(self.request.memory),
                on_result=on_result,
            )

    def _keep(self, results: Mapping[str, Result]) -> None:
        """Write ``results`` down for later runs, unless the source has changed meanwhile."""
        source = self.request.source
        if source.reproducible and take_snapshot(source, self.machine, self.request.timeout) == self._at:
            evaluated = {attribute: result for attribute, result in results.items() if isinstance(result, Evaluated)}
            # A full disk costs a later run its time, and this one nothing.
            with contextlib.suppress(OSError):
                self.cache.keep(self._revision, {**self.known(), **evaluated})

    @property
    def _at(self) -> Snapshot:
        return self.snapshot() or Snapshot()

    @property
    def _revision(self) -> str:
        return key(self.request.key(self.machine), self._at.content)

    def _of_all(self) -> list[Note]:
        return self.state.notes(TOPIC, self.name, after=self.after)


def _report(result: Result, cached: bool) -> dict[str, t.Any]:
    return {"result": to_json(result), "cached": cached}


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
        name = key(request.key(machine), task, request.revisions, request.require_lock)
        self._task = _Task(request, machine, cache, state, name)
        self._prepare = prepare

    def ask(self, attribute: str, others: Callable[[], Iterable[str]] = tuple) -> Answer:
        """Return the answer for ``attribute``; if it has to be evaluated, evaluate ``others()`` along with it."""
        task = dataclasses.replace(self._task, after=REPORTED.get((self._task.name, attribute), 0))
        attempts = 0
        while True:
            found = task.state.wait_while_claimed(TOPIC, task.name, lambda: task.answer(attribute))
            if found is None and task.state.claim(TOPIC, task.name):
                handed_over = False
                try:
                    # What the last holder wrote is to be read.
                    found = task.answer(attribute)
                    if found is None and attempts == MOST_ATTEMPTS:
                        raise _no_result(task)
                    if found is None:
                        attempts += 1
                        handed_over = self._begin(task, attribute, others)
                finally:
                    if not handed_over:
                        task.state.release(TOPIC, task.name)
            if found is not None:
                number, answer = found
                if isinstance(answer.result, Failed):
                    REPORTED[task.name, attribute] = number
                return answer

    def _begin(self, task: _Task, attribute: str, others: Callable[[], Iterable[str]]) -> bool:
        """Report what is known, and have the rest evaluated; return whether another process does that."""
        snapshot: Snapshot | Failed
        try:
            if self._prepare is not None:
                source = self._prepare(task.request.source)
                task = dataclasses.replace(task, request=dataclasses.replace(task.request, source=source))
            snapshot = task.snapshot() or task.request.snapshot(task.machine)
        except EvaluationError as error:
            snapshot = Failed.of(error)
        if isinstance(snapshot, Failed):
            task.state.note(TOPIC, task.name, _report(snapshot, cached=False))
            return False
        task.state.note(TOPIC, task.name, {"snapshot": dataclasses.asdict(snapshot)})
        # What was reported of this one before was a failure.
        reported = {note.name for note in task.state.notes(task.topic)} - {attribute}
        known = task.known()
        task.report(((name, result) for name, result in known.items() if name not in reported), cached=True)
        # Where nothing is to be evaluated, nobody needs to know who the others are, which takes longer than all of this.
        if attribute in known:
            return False
        wanted = [attribute, *(name for name in others() if name not in known and name not in reported)]
        if isinstance(task.machine, Controller):
            task.state.hand_over(TOPIC, task.name, _start(task, task.machine, wanted))
            return True
        task.evaluate(wanted)
        return False


def _no_result(task: _Task) -> EvaluationError:
    printed = ""
    # If there was a process that evaluated.
    with contextlib.suppress(OSError):
        printed = task.state.log(task.name).read_text(errors="replace")
    return EvaluationError(
        "the evaluation came to its end without a result",
        code="no_result",
        log=printed,
        advice="see whether something ended it, such as the kernel for want of memory, and run again",
    )


def _start(task: _Task, machine: Controller, attributes: Sequence[str]) -> int:
    """Start the task's own process, and return its number."""
    work = {
        "request": dataclasses.asdict(task.request),
        "environment": machine.environment,
        "cache": str(task.cache.directory),
        "state": str(task.state.directory),
        "task": task.name,
        "attributes": attributes,
        # This process is one host's, and its parent the whole run.
        "run": os.getppid(),
    }
    # It tells by its reports; what it prints tells why it could not.
    with task.state.log(task.name).open("wb") as printed:
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
    state = RunState(Path(work["state"]))
    try:
        request = Request(**{**work["request"], "source": Source(**work["request"]["source"])})
        machine, cache = Controller(work["environment"]), EvaluationCache(Path(work["cache"]))
        _Task(request, machine, cache, state, work["task"]).evaluate(work["attributes"])
        return
    except NixError as error:
        failed = Failed.of(error)
    except Exception as error:  # noqa: BLE001  # nobody else would tell the hosts
        failed = Failed(f"{type(error).__name__}: {error}", log=traceback.format_exc(), code="crashed")
    state.note(TOPIC, work["task"], _report(failed, cached=False))


def _end_with(run: int) -> None:
    """Wait for the end of the process ``run``, and end all that is done for it."""
    await_end(run)
    end_all()
    os._exit(1)
