# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One evaluation for many hosts, although each host asks for itself, in a process of its own and at its own time."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t

from ..process import CommandTimeoutError
from .evaluation import Evaluated, Failed, advice_for, evaluate
from .evaluation_cache import EvaluationCache, from_json, key, to_json
from .log import NixLog, readable
from .source import Snapshot, Source

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .evaluation import Result
    from .machine import Machine

POLL_SECONDS = 0.1
PUBLISH_SECONDS = 0.5
# The failures that this process has been told: one that asks again, as `until` makes it, wants another attempt.
TOLD: set[tuple[str, str]] = set()


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a host gets: the result for its attribute, of which revision, and whether nothing had to be evaluated."""

    result: Result
    snapshot: Snapshot
    cached: bool


class SharedEvaluation:
    """The evaluation of one source on one machine, as the hosts of one task share it.

    Whoever comes first evaluates for all. Three things are written down for the others: which revision the task is
    about, so that all its hosts are of the same one; the results as they come, failures among them, for the hosts of
    this task; and what evaluated, by revision, for later runs.
    """

    def __init__(
        self, source: Source, machine: Machine, cache: EvaluationCache, *, task: str, apply: str | None = None
    ) -> None:
        self._source = source
        self._machine = machine
        self._cache = cache
        self._apply = apply
        self._request = key(source.identity(), apply, machine.name)
        self._task = key(self._request, task)
        self._record = _Record()
        self._published = 0.0

    def ask(
        self, attribute: str, others: Callable[[], Iterable[str]] = tuple, *, timeout: float | None = None
    ) -> Answer:
        """Return the answer for ``attribute``; if it has to be evaluated, evaluate ``others()`` along with it."""
        again = (self._task, attribute) in TOLD
        seen = None
        while True:
            with self._cache.lock(self._request) as held:
                written = self._cache.tasks.written(self._task)
                if held or written != seen:
                    seen = written
                    self._record = _Record.from_json(self._cache.tasks.read(self._task))
                    if again:
                        self._record.forget(attribute)
                    if held and self._record.answer(attribute) is None:
                        self._find(attribute, others, timeout)
                    answer = self._record.answer(attribute)
                    if answer is not None:
                        if isinstance(answer.result, Failed):
                            TOLD.add((self._task, attribute))
                        return answer
            time.sleep(POLL_SECONDS)

    def _find(self, attribute: str, others: Callable[[], Iterable[str]], timeout: float | None) -> None:
        snapshot = self._record.snapshot or self._look(timeout)
        if isinstance(snapshot, Failed):
            self._record.failed = snapshot
            self._write_down()
            return
        self._record.snapshot = snapshot
        revision = key(self._request, snapshot.content)
        known = self._known(revision)
        self._record.add(known, cached=True)
        if attribute not in self._record.results:
            results = self._evaluate(attribute, others, timeout)
            # What changed while it was evaluated is of no certain revision.
            if self._source.reproducible and self._look(timeout) == snapshot:
                evaluated = {name: result for name, result in results.items() if isinstance(result, Evaluated)}
                self._cache.revisions.write(revision, to_json({**known, **evaluated}))
                self._cache.prune()
        self._write_down()

    def _evaluate(
        self, attribute: str, others: Callable[[], Iterable[str]], timeout: float | None
    ) -> dict[str, Result]:
        # The one who asks comes last: its worker is busy until all are done, and others could go on meanwhile.
        wanted = [name for name in [*others(), attribute] if name not in self._record.results]
        return evaluate(
            self._source, wanted, self._machine, apply=self._apply, timeout=timeout, on_result=self._publish
        )

    def _known(self, revision: str) -> dict[str, Result]:
        """Return what is known of a revision and still has its derivation in the store."""
        if not self._source.reproducible:
            return {}
        results = from_json(self._cache.revisions.read(revision))
        self._cache.revisions.touch(revision)
        derivations = [
            result.drv_path for result in results.values() if isinstance(result, Evaluated) and result.drv_path
        ]
        existing = self._machine.existing(derivations)
        return {
            attribute: result
            for attribute, result in results.items()
            if isinstance(result, Evaluated) and (result.drv_path is None or result.drv_path in existing)
        }

    def _publish(self, attribute: str, result: Result) -> None:
        """Let waiting hosts have a result while others are still evaluated."""
        self._record.add({attribute: result}, cached=False)
        if time.monotonic() - self._published > PUBLISH_SECONDS:
            self._published = time.monotonic()
            # Called from the thread that reads Nix's output, which must go on; the whole is written at the end.
            with contextlib.suppress(OSError):
                self._write_down()

    def _write_down(self) -> None:
        self._cache.tasks.write(self._task, self._record.to_json())

    def _look(self, timeout: float | None) -> Snapshot | Failed:
        if self._source.flake is None:
            return Snapshot()
        return take_snapshot(self._source, self._machine, timeout)


def take_snapshot(source: Source, machine: Machine, timeout: float | None = None) -> Snapshot | Failed:
    """Ask which revision a flake is at."""
    command = source.metadata()
    try:
        completed = machine.run(command, timeout=timeout)
    except CommandTimeoutError as late:
        return Failed(f"{source.name}: {late}", tuple(readable(command)), advice="allow more seconds in timeout")
    if completed.ok:
        return Snapshot.from_json(completed.stdout)
    log = NixLog().read_all(completed.stderr)
    cause = (log.cause or f"Nix ended with exit code {completed.rc}").splitlines()[0]
    return Failed(f"{source.name}: {cause}", tuple(readable(command)), log.text, advice_for(log.text))


@dataclasses.dataclass
class _Record:
    """What the hosts of one task have in common: the revision, or why there is none, and the results."""

    snapshot: Snapshot | None = None
    failed: Failed | None = None
    results: dict[str, Result] = dataclasses.field(default_factory=dict)
    cached: list[str] = dataclasses.field(default_factory=list)

    @classmethod
    def from_json(cls, data: t.Any) -> _Record:
        if not data:
            return cls()
        return cls(
            snapshot=Snapshot(**data["snapshot"]) if data["snapshot"] else None,
            failed=Failed(**data["failed"]) if data["failed"] else None,
            results=from_json(data["results"]),
            cached=data["cached"],
        )

    def to_json(self) -> dict[str, t.Any]:
        return {
            "snapshot": dataclasses.asdict(self.snapshot) if self.snapshot else None,
            "failed": dataclasses.asdict(self.failed) if self.failed else None,
            "results": to_json(self.results),
            "cached": self.cached,
        }

    def add(self, results: dict[str, Result], *, cached: bool) -> None:
        self.results.update(results)
        if cached:
            self.cached += results

    def forget(self, attribute: str) -> None:
        """Forget the failure that concerns ``attribute``, and the revision that it was of."""
        if self.failed or isinstance(self.results.get(attribute), Failed):
            self.failed = self.snapshot = None
            self.results.pop(attribute, None)

    def answer(self, attribute: str) -> Answer | None:
        result = self.failed or self.results.get(attribute)
        if result is None:
            return None
        return Answer(result, self.snapshot or Snapshot(), attribute in self.cached)
