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
from ..core.text import counted, harmless, harmless_line
from ..target.programs import program
from .checks import Answer, Finding, FromController, HealthError, OnTarget

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..core.process import Shell
    from .checks import Check

# To connect, to escalate, and to be slow.
LINK_SECONDS = 20


class TargetAwayError(Exception):
    """The target could not be asked; the message says why."""


def run_checks(checks: Sequence[Check], shell: Shell) -> list[Finding]:
    """Return what each check finds, in their order. ``shell`` raises ``TargetAwayError``."""
    begun = iter([_begun(check) for check in checks if isinstance(check, FromController)])
    asked = iter(_ask([check for check in checks if isinstance(check, OnTarget)], shell))
    return [next(asked) if isinstance(check, OnTarget) else next(begun)() for check in checks]


def seconds_on_target(checks: Sequence[Check]) -> float:
    """Return how long the target may take to run all of its checks once, in the worst case."""
    # Each check takes its own time, and a moment to be ended.
    return sum(check.timeout + 2 for check in checks if isinstance(check, OnTarget)) + LINK_SECONDS


def _begun(check: FromController) -> Callable[[], Finding]:
    """Run a check in a thread of its own, and return what waits for it: no name server or slow page delays the others."""
    found: list[Finding] = []
    thread = threading.Thread(target=lambda: found.append(check.run()), daemon=True)
    thread.start()

    def finding() -> Finding:
        # What has a limit of its own says better why it was reached.
        thread.join(check.timeout + 0.5)
        return found[0] if found else Finding(False, f"no answer within {check.timeout} s")

    return finding


def _ask(checks: Sequence[OnTarget], shell: Shell) -> list[Finding]:
    """Have the target make its checks, in one script.

    What they are about is in its text, quoted, and not in the arguments of a process, which every user can see.
    """
    if not checks:
        return []
    mark = f"nix.fleet-{secrets.token_hex(8)}"
    calls = [f"limit={check.output_bytes}; health_run {shlex.join(check.call)}" for check in checks]
    try:
        completed = shell.run("\n".join([program("health"), f"mark={mark}", *calls, ""]))
    except TargetAwayError as error:
        return [Finding(False, str(error))] * len(checks)
    framed = rf"\n{mark} begin\n(.*?)\n{mark} end ([0-9]+) (late)?\n"
    answers = re.findall(framed, f"\n{completed.stdout}", flags=re.DOTALL)
    if len(answers) != len(checks):
        said = completed.stderr.strip() or f"exit code {completed.rc}"
        return [Finding(False, "the machine did not run the checks to their end", said)] * len(checks)
    return [
        check.judge(Answer(output, int(code), late=bool(late)))
        for check, (output, code, late) in zip(checks, answers, strict=True)
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
        return all(finding.held is not False for finding in self.findings)


def observe(
    run: Callable[[], Sequence[Finding]],
    limits: Limits,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Observation:
    """Run the checks until they have held for long enough, or have failed to."""
    begin, attempts = clock(), 0
    # Since when each of them holds, after the beginning; and since when all of them do.
    held: dict[int, float] = {}
    since: float | None = None
    while True:
        before = clock()
        findings = tuple(run())
        attempts += 1
        elapsed = clock() - begin
        held = {number: held.get(number, elapsed) for number, finding in enumerate(findings) if finding.held}
        seconds = tuple(held.get(number, elapsed) for number in range(len(findings)))
        seen = Observation(findings, seconds, attempts, elapsed)
        if since is not None and not seen.held:
            return dataclasses.replace(seen, lost_after=before - since)
        if since is None and seen.held:
            since = begin + elapsed
        left = (begin + limits.within if since is None else since + limits.stable_for) - clock()
        if left <= 0 or (since is None and any(finding.final for finding in findings)):
            return seen
        sleep(min(limits.interval, left))


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
        parts.append(
            f"{counted(held, 'check')} hold{'s' * (held == 1)}" + (f", for {stable_for:g} s" if stable_for else "")
        )
    if skipped:
        parts.append(f"{counted(skipped, 'check')} not run in check mode")
    return "; ".join(parts)


def failure(checks: Sequence[Check], observation: Observation) -> HealthError:
    """Return the error that names each check that does not hold, and why."""
    failed = [
        (check, finding) for check, finding in zip(checks, observation.findings, strict=True) if finding.held is False
    ]
    share = f"{len(failed)} of {len(checks)} checks" if len(checks) > 1 else "the check"
    do = "does" if len(failed) == 1 else "do"
    if observation.lost_after is not None:
        lead = f"{share} held and {do} no more, after {observation.lost_after:.0f} s"
    else:
        lead = f"{share} {do} not hold after {observation.elapsed:.0f} s"
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
