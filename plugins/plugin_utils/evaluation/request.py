# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task asks to be evaluated: of which revision that is, what is known of it from earlier runs, and the rest by Nix."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import typing as t

from ..core.errors import EvaluationError
from ..core.process import CommandTimeoutError
from ..nix.log import NixLog, readable
from ..nix.machine import Controller
from ..nix.source import Snapshot, Source
from .result import Evaluated, Failed, diagnosis, key

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ..nix.machine import Machine
    from .result import EvaluationCache, Result

    # Told of a result, and whether it is one of an earlier run.
    Report: t.TypeAlias = Callable[[str, Result, bool], None]

# Nix says both where it is kept from writing the lock file.
_NOT_WRITTEN = "not writing modified lock file"
_UNLOCKED = re.compile("^• (?:Added|Updated) input '([^']+)'", re.MULTILINE)
# A commit by SHA-1 or SHA-256 (https://git-scm.com/docs/hash-function-transition), or what Nix calls narHash.
REVISION = re.compile("[0-9a-f]{40}|[0-9a-f]{64}|sha256-[A-Za-z0-9+/]{43}=")


@dataclasses.dataclass(frozen=True)
class Request:
    """What a task asks for: a source or a function of it, and within which bounds.

    A flake is to be at one of ``revisions``, if there are any, and with ``require_lock`` all its inputs locked.
    """

    source: Source
    apply: str | None = None
    timeout: float | None = None
    memory: int | None = None
    revisions: Sequence[str] = ()
    require_lock: bool = False

    def key(self, machine: Machine) -> str:
        """Return what stands for everything that decides on the result, but for the revision."""
        return key(self.source.identity(), self.apply, machine.name)

    def snapshot(self, machine: Machine) -> Snapshot | Failed:
        """Return the revision that the source is at, or why it has none or another than it is to be at."""
        found = take_snapshot(self.source, machine, self.timeout)
        if isinstance(found, Failed):
            return found
        if self.require_lock and found.unlocked:
            return Failed(not_locked(self.source, found), advice=LOCK_ADVICE, code="not_locked")
        return (other_than(self.revisions, self.source, found) if self.revisions else None) or found

    def at(self, snapshot: Snapshot) -> Source:
        """Return the source, which must be at the revision that was named even if it moves on meanwhile."""
        return dataclasses.replace(self.source, flake=snapshot.locked_url) if self.revisions else self.source


class RequestEvaluation:
    """The evaluation of ``request`` at the revision ``snapshot``; ``report`` is called with each result as it is known."""

    def __init__(
        self, request: Request, snapshot: Snapshot, machine: Machine, cache: EvaluationCache, report: Report
    ) -> None:
        self._request = request
        self._snapshot = snapshot
        self._machine = machine
        self._cache = cache
        self._report = report

    def known(self) -> dict[str, Evaluated]:
        """Return what is known from earlier runs and still has its derivation in the store."""
        if not self._request.source.reproducible:
            return {}
        results = self._cache.known(self._revision)
        existing = self._machine.existing([result.drv_path for result in results.values() if result.drv_path])
        return {
            attribute: result
            for attribute, result in results.items()
            if result.drv_path is None or result.drv_path in existing
        }

    def evaluate(self, attributes: Sequence[str]) -> None:
        """Evaluate ``attributes``, unless another run does the same right now: its results are taken."""
        with self._cache.lock(self._request.key(self._machine)):
            known = self.known()
            wanted = []
            # Several hosts may be of one configuration.
            for attribute in dict.fromkeys(attributes):
                if attribute in known:
                    self._report(attribute, known[attribute], True)
                else:
                    wanted.append(attribute)
            if wanted:
                self._evaluate(wanted)

    def _evaluate(self, wanted: Sequence[str]) -> None:
        # Of a run's processes only the one that evaluates needs it, if any does.
        from .evaluator import Budget, budget_here, evaluate

        # How much memory there is elsewhere is not known, and one process is enough of a load.
        budget = (budget_here if isinstance(self._machine, Controller) else Budget)(self._request.memory)
        results: dict[str, Result] = {}

        def on_result(attribute: str, result: Result) -> None:
            results[attribute] = result
            # The run may be over with its last result, and must not be before everything is written down. The processes
            # need not have ended for that, which takes them longer the more memory they have.
            if len(results) == len(wanted):
                self._keep(results)
            self._report(attribute, result, False)

        evaluate(
            self._request.at(self._snapshot),
            wanted,
            self._machine,
            apply=self._request.apply,
            timeout=self._request.timeout,
            budget=budget,
            on_result=on_result,
        )

    def _keep(self, results: Mapping[str, Result]) -> None:
        """Write ``results`` down for later runs, unless the source has changed meanwhile."""
        source = self._request.source
        if source.reproducible and take_snapshot(source, self._machine, self._request.timeout) == self._snapshot:
            evaluated = {attribute: result for attribute, result in results.items() if isinstance(result, Evaluated)}
            # A full disk costs a later run its time, and this one nothing.
            with contextlib.suppress(OSError):
                self._cache.keep(self._revision, {**self.known(), **evaluated})

    @property
    def _revision(self) -> str:
        return key(self._request.key(self._machine), self._snapshot.content)


def take_snapshot(source: Source, machine: Machine, timeout: float | None = None) -> Snapshot | Failed:
    """Ask which revision a flake is at; anything else has none."""
    if source.flake is None:
        return Snapshot()
    command = source.metadata()
    readable_command = tuple(readable(command))
    try:
        completed = machine.run(command, timeout=timeout)
    except CommandTimeoutError as late:
        cause = f"{source.name}: {late}"
        return Failed(cause, readable_command, advice="allow more seconds in timeout", code="timeout")
    log = NixLog().read_all(completed.stderr)
    if completed.ok:
        try:
            snapshot = Snapshot.from_json(completed.stdout)
        except ValueError as error:
            return Failed(
                f"{source.name}: Nix was to say which revision it is, and said something else ({error})",
                readable_command,
                log.text,
                "see whether the Nix there is the real one: nix flake metadata --json",
                "bad_answer",
            )
        snapshot = dataclasses.replace(snapshot, unlocked=unlocked_inputs(log, source.override_inputs))
        if source.dirty_revision is None:
            return snapshot
        return dataclasses.replace(snapshot, revision=source.dirty_revision, dirty=True)
    cause = (log.cause or f"Nix ended with exit code {completed.rc}").splitlines()[0]
    code, advice = diagnosis(log.text)
    return Failed(f"{source.name}: {cause}", readable_command, log.text, advice, code)


LOCK_ADVICE = "run `nix flake lock` in it, and commit flake.lock"


def unlocked_inputs(log: NixLog, overridden: Collection[str]) -> list[str]:
    """Return the inputs that Nix has found a revision for by itself, but for those that it was given one."""
    changes = "\n".join(message.text for message in log.messages if _NOT_WRITTEN in message.text)
    given = tuple(f"{name}/" for name in overridden)
    found = (f"{name}/" for name in _UNLOCKED.findall(changes))
    return list(dict.fromkeys(name.partition("/")[0] for name in found if not name.startswith(given)))


def not_locked(source: Source, snapshot: Snapshot) -> str:
    """Return what is to be said of inputs without a lock."""
    return f"{source.name} is not locked ({', '.join(snapshot.unlocked)}): another run may be of other inputs"


def named_revisions(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the revisions that an option names, without what is empty; raises ``EvaluationError`` for what is none."""
    named = tuple(text for text in texts if text)
    for text in named:
        if not REVISION.fullmatch(text):
            raise EvaluationError(
                f"revision: {text!r} is neither the whole name of a commit nor the hash of a flake's files",
                code="not_a_revision",
                advice="name it as a build says it; changes that are not committed are of no revision: commit them, and"
                " build again (deploy_revision)",
            )
    return named


def other_than(named: Sequence[str], source: Source, snapshot: Snapshot) -> Failed | None:
    """Return why the flake is not at a revision of ``named``, if it is not."""
    if snapshot.identity in named:
        return None
    there, wanted = snapshot.revision or snapshot.identity, " or ".join(named)
    commit = "commit its changes, " if snapshot.dirty else ""
    advice = f"{commit}build what is there now and have that approved, or have the flake as it was (deploy_revision)"
    if there is None:
        cause = f"{source.name} is of no known revision, and is to be at {wanted}"
    else:
        cause = f"{source.name} is at revision {there}, and is to be at {wanted}"
    return Failed(cause, advice=advice, code="other_revision")
