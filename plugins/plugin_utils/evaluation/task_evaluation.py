# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluation of one source for the hosts of one task: what is known of its revision, and the rest by Nix."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ..core.process import CommandTimeoutError
from ..nix.log import NixLog, readable
from ..nix.source import Snapshot, Source
from .evaluation_cache import key
from .evaluation_result import Evaluated, Failed, advice_for
from .revision import other_than

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence, Set

    from ..nix.machine import Machine
    from .evaluation_budget import Budget
    from .evaluation_cache import EvaluationCache
    from .evaluation_result import Result
    from .waiting_room import WaitingRoom


@dataclasses.dataclass(frozen=True)
class Request:
    """What a task asks for: a source or a function of it, and within which bounds.

    A flake is to be at one of ``revisions``, if there are any.
    """

    source: Source
    apply: str | None = None
    timeout: float | None = None
    memory: int | None = None
    revisions: Sequence[str] = ()

    def key(self, machine: Machine) -> str:
        """Return what stands for everything that decides on the result, but for the revision."""
        return key(self.source.identity(), self.apply, machine.name)


class TaskEvaluation:
    """Evaluates what a task asks for, tells its journal of each result, and writes them down for later runs."""

    def __init__(
        self, request: Request, machine: Machine, cache: EvaluationCache, budget: Budget, *, task: str
    ) -> None:
        self._request = request
        self._source = request.source
        self._machine = machine
        self._cache = cache
        self._budget = budget
        self._journal = cache.journal(task)

    def tell_known(self, snapshot: Snapshot | None, told: Set[str]) -> Set[str]:
        """Tell all that is known from earlier runs, but for what was ``told`` before, and return the names of it.

        ``snapshot`` is the revision that the task is about, if it has begun.
        """
        found = snapshot or self._wanted()
        if isinstance(found, Failed):
            self._journal.tell_failure(found)
            return frozenset()
        if snapshot is None:
            self._journal.tell_snapshot(found)
        known = self._known(found)
        for attribute in known.keys() - told:
            self._journal.tell_result(attribute, known[attribute], cached=True)
        return known.keys()

    def evaluate(self, attributes: Sequence[str], snapshot: Snapshot, room: WaitingRoom) -> None:
        """Evaluate ``attributes``, telling of each as it is known; ``room`` is where hosts wait for it."""
        with room.locked() as let_go:
            self._evaluate(attributes, snapshot, let_go)

    def _evaluate(self, attributes: Sequence[str], snapshot: Snapshot, let_go: Callable[[str], None]) -> None:
        # Of a run's processes only the one that evaluates needs it, if any does.
        from .evaluation import evaluate

        told: dict[str, Result] = {}
        # Several hosts may be of one configuration.
        results = len(set(attributes))

        def tell(attribute: str, result: Result) -> None:
            told[attribute] = result
            # The run may be over with its last result, and must not be before everything is written down. The evaluators need
            # not have ended for that, which takes them longer the more memory they have.
            if len(told) == results:
                self._keep(told, snapshot)
            self._journal.tell_result(attribute, result, cached=False)
            let_go(attribute)

        evaluate(
            self._exactly(snapshot),
            attributes,
            self._machine,
            apply=self._request.apply,
            timeout=self._request.timeout,
            budget=self._budget,
            on_result=tell,
        )

    def _keep(self, results: Mapping[str, Result], snapshot: Snapshot) -> None:
        """Write ``results`` down for later runs, unless the source has changed since it was at ``snapshot``."""
        if self._source.reproducible and self._look() == snapshot:
            evaluated = {attribute: result for attribute, result in results.items() if isinstance(result, Evaluated)}
            # A full disk costs a later run its time, and this one nothing.
            with contextlib.suppress(OSError):
                self._cache.keep(self._revision(snapshot), {**self._known(snapshot), **evaluated})

    def _revision(self, snapshot: Snapshot) -> str:
        return key(self._request.key(self._machine), snapshot.content)

    def _known(self, snapshot: Snapshot) -> dict[str, Evaluated]:
        """Return what is known of a revision and still has its derivation in the store."""
        if not self._source.reproducible:
            return {}
        results = self._cache.known(self._revision(snapshot))
        existing = self._machine.existing([result.drv_path for result in results.values() if result.drv_path])
        return {
            attribute: result
            for attribute, result in results.items()
            if result.drv_path is None or result.drv_path in existing
        }

    def _wanted(self) -> Snapshot | Failed:
        """Return the revision that the source is at, unless it is to be at another."""
        found = self._look()
        if isinstance(found, Failed) or not self._request.revisions:
            return found
        return other_than(self._request.revisions, self._source, found) or found

    def _exactly(self, snapshot: Snapshot) -> Source:
        """Return the source, which must be at the revision that was named even if it moves on meanwhile."""
        if not self._request.revisions:
            return self._source
        return dataclasses.replace(self._source, flake=snapshot.locked_url)

    def _look(self) -> Snapshot | Failed:
        if self._source.flake is None:
            return Snapshot()
        return take_snapshot(self._source, self._machine, self._request.timeout)


def take_snapshot(source: Source, machine: Machine, timeout: float | None = None) -> Snapshot | Failed:
    """Ask which revision a flake is at."""
    command = source.metadata()
    try:
        completed = machine.run(command, timeout=timeout)
    except CommandTimeoutError as late:
        return Failed(f"{source.name}: {late}", tuple(readable(command)), advice="allow more seconds in timeout")
    log = NixLog().read_all(completed.stderr)
    cause = (log.cause or f"Nix ended with exit code {completed.rc}").splitlines()[0]
    if completed.ok:
        try:
            snapshot = Snapshot.from_json(completed.stdout)
            if source.dirty_revision is None:
                return snapshot
            return dataclasses.replace(snapshot, revision=source.dirty_revision, dirty=True)
        except ValueError as error:
            cause = f"Nix was to say which revision it is, and said something else ({error})"
    return Failed(f"{source.name}: {cause}", tuple(readable(command)), log.text, advice_for(log.text))
