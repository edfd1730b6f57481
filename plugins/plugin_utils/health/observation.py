# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs checks until all of them hold, and for as long as they are to keep holding; and makes the result of it."""

from __future__ import annotations

import dataclasses
import re
import secrets
import shlex
import threading
import time
import typing as t

from ..core.errors import last_lines
from ..core.text import harmless, harmless_line
from ..target.programs import program
from .check import Answer, Finding, HealthError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..core.process import Shell
    from .check import Check, CheckFromController, CheckOnTarget

# To connect, to escalate, and to be slow.
LINK_SECONDS = 20


class TargetAwayError(Exception):
    """The target could not be asked; the message says why."""


def run_checks(checks: Sequence[Check], shell: Shell) -> list[Finding]:
    """Return what each check finds, in their order. ``shell`` raises ``TargetAwayError``."""
    running = {number: _FromController(check) for number, check in enumerate(checks) if not on_target(check)}
    asked = {number: check for number, check in enumerate(checks) if on_target(check)}
    findings = dict(zip(asked, _ask(list(asked.values()), shell), strict=True)) if asked else {}
    findings |= {number: check.finding() for number, check in running.items()}
    return [findings[number] for number in range(len(checks))]


def seconds_on_target(checks: Sequence[Check]) -> float:
    """Return how long the target may take to run all of its checks once, in the worst case."""
    # Each check takes its own time, and a moment to be ended.
    return sum(check.timeout + 2 for check in checks if on_target(check)) + LINK_SECONDS


def on_target(check: Check) -> t.TypeGuard[CheckOnTarget]:
    """Whether the target makes the check."""
    return hasattr(check, "call")


class _FromController:
    """A check from the controller, in a thread of its own: neither a name server nor a slow page delays the others."""

    def __init__(self, check: Check) -> None:
        self._check = t.cast("CheckFromController", check)
        self._findings: list[Finding] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._findings.append(self._check.run())

    def finding(self) -> Finding:
        # What has a limit of its own says better why it was reached.
        self._thread.join(self._check.timeout + 0.5)
        if self._findings:
            return self._findings[0]
        return Finding(False, f"no answer within {self._check.timeout} s")


def _ask(checks: Sequence[CheckOnTarget], shell: Shell) -> list[Finding]:
    mark = f"nix.fleet-{secrets.token_hex(8)}"
    try:
        completed = shell.run(script(checks, mark))
    except TargetAwayError as error:
        return [Finding(False, str(error)) for _check in checks]
    answers = answers_of(completed.stdout, mark)
    if len(answers) != len(checks):
        said = completed.stderr.strip() or f"exit code {completed.rc}"
        return [Finding(False, "the machine did not run the checks to their end", said) for _check in checks]
    return [check.finding(answer) for check, answer in zip(checks, answers, strict=True)]


def script(checks: Sequence[CheckOnTarget], mark: str) -> str:
    """Return the shell script that makes ``checks``.

    What they are about is in its text, quoted, and not in the arguments of a process, which every user can see.
    """
    calls = [f"limit={check.output_bytes}; health_run {shlex.join(check.call())}" for check in checks]
    return "\n".join([program("health"), f"mark={shlex.quote(mark)}", *calls, ""])


def answers_of(text: str, mark: str) -> list[Answer]:
    """Read what the script printed."""
    pattern = rf"\n{mark} begin\n(.*?)\n{mark} end ([0-9]+) (late)?\n"
    return [
        Answer(output=output, code=int(code), late=bool(late))
        for output, code, late in re.findall(pattern, f"\n{text}", flags=re.DOTALL)
    ]


@dataclasses.dataclass(frozen=True)
class Limits:
    """How long checks may take to hold, how long they must keep holding, and the pause between two attempts; in seconds."""

    within: float
    stable_for: float = 0
    interval: float = 2


@dataclasses.dataclass(frozen=True)
class Observation:
    """What was found of all checks in the end.

    ``seconds`` has for each check when it began to hold, or how long it was tried. ``lost_after`` is for how long all
    of them had held when one did no more.
    """

    findings: tuple[Finding, ...]
    seconds: tuple[float, ...]
    attempts: int
    elapsed: float
    lost_after: float | None = None

    @property
    def held(self) -> bool:
        """Whether every check that was run held."""
        return all_held(self.findings)


def observe(
    run: Callable[[], Sequence[Finding]],
    limits: Limits,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Observation:
    """Run the checks until they have held for long enough, or have failed to."""
    begin = clock()
    watch = _Watch(run, clock, begin)
    watch.run()
    while not watch.held() and not watch.final() and (left := begin + limits.within - clock()) > 0:
        sleep(min(limits.interval, left))
        watch.run()
    if not watch.held():
        return watch.observation()
    since = clock()
    while (left := since + limits.stable_for - clock()) > 0:
        sleep(min(limits.interval, left))
        held_for = clock() - since
        watch.run()
        if not watch.held():
            return watch.observation(lost_after=held_for)
    return watch.observation()


def all_held(findings: Sequence[Finding]) -> bool:
    """Whether none of the checks that were run does not hold."""
    return all(finding.held is not False for finding in findings)


class _Watch:
    def __init__(self, run: Callable[[], Sequence[Finding]], clock: Callable[[], float], begin: float) -> None:
        self._run_checks = run
        self._clock = clock
        self._begin = begin
        self._attempts = 0
        self._findings: tuple[Finding, ...] = ()
        self._held_since: dict[int, float] = {}

    def run(self) -> None:
        self._findings = tuple(self._run_checks())
        self._attempts += 1
        for number, finding in enumerate(self._findings):
            if finding.held:
                self._held_since.setdefault(number, self._elapsed)
            else:
                self._held_since.pop(number, None)

    def held(self) -> bool:
        return all_held(self._findings)

    def final(self) -> bool:
        return any(finding.final for finding in self._findings)

    def observation(self, lost_after: float | None = None) -> Observation:
        elapsed = self._elapsed
        seconds = tuple(self._held_since.get(number, elapsed) for number in range(len(self._findings)))
        return Observation(self._findings, seconds, self._attempts, elapsed, lost_after)

    @property
    def _elapsed(self) -> float:
        return self._clock() - self._begin


# Of each check's output, what is shown.
EXCERPT_LINES = 8
EXCERPT_CHARACTERS = 2000


def result(checks: Sequence[Check], observation: Observation) -> dict[str, t.Any]:
    """Return what was observed, check by check."""
    return {
        "checks": [
            {
                "name": check.name,
                "held": finding.held,
                "text": harmless_line(finding.text),
                "seconds": round(seconds, 1),
                **({} if finding.held or not finding.output.strip() else {"output": _excerpt(finding.output)}),
            }
            for check, finding, seconds in zip(checks, observation.findings, observation.seconds, strict=True)
        ],
        "looks": observation.attempts,
        "seconds": round(observation.elapsed, 1),
    }


def message(observation: Observation, stable_for: float) -> str:
    """Return that all is well, in one line."""
    if not observation.findings:
        return "there is nothing to check"
    skipped = sum(finding.held is None for finding in observation.findings)
    held = len(observation.findings) - skipped
    parts = []
    if held:
        parts.append(f"{_checks(held)} {_verb(held, 'hold')}" + (f", for {stable_for:g} s" if stable_for else ""))
    if skipped:
        parts.append(f"{_checks(skipped)} not run in check mode")
    return "; ".join(parts)


def failure(checks: Sequence[Check], observation: Observation) -> HealthError:
    """Return the error that names each check that does not hold, and why."""
    failed = [
        (check, finding) for check, finding in zip(checks, observation.findings, strict=True) if finding.held is False
    ]
    share = f"{len(failed)} of {_checks(len(checks))}" if len(checks) > 1 else "the check"
    many = len(failed) if len(checks) > 1 else 1
    if observation.lost_after is not None:
        lead = f"{share} held and {_verb(many, 'do')} no more, after {observation.lost_after:.0f} s"
    else:
        lead = f"{share} {_verb(many, 'do')} not hold after {observation.elapsed:.0f} s"
    reasons = "; ".join(f"{check.name}: {finding.text}" for check, finding in failed)
    log = "\n".join(f"{check.name}:\n{_excerpt(finding.output)}" for check, finding in failed if finding.output.strip())
    return HealthError(
        f"{lead}: {reasons}",
        code="lost" if observation.lost_after is not None else "failing",
        log=log,
        advice="look at what the checks found on the host; if they only need more time, give it to them (deploy_health_within)",
        **result(checks, observation),
    )


def _excerpt(output: str) -> str:
    return last_lines(harmless(output[-EXCERPT_CHARACTERS:]), EXCERPT_LINES)


def _checks(count: int) -> str:
    return "1 check" if count == 1 else f"{count} checks"


def _verb(count: int, verb: str) -> str:
    if count != 1:
        return verb
    return "does" if verb == "do" else f"{verb}s"
