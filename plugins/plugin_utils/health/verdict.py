# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was observed of a host's checks, as a result for Ansible and as a sentence."""

from __future__ import annotations

import typing as t

from ..core.errors import last_lines
from ..core.terminal import harmless, harmless_line
from .check import HealthError

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .check import Check
    from .watch import Observation

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
        "looks": observation.looks,
        "seconds": round(observation.elapsed, 1),
    }


def sentence(observation: Observation, stable_for: float) -> str:
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
        log=log,
        advice="see what the checks found on the host; if they only need more time, give it to them with `within`",
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
