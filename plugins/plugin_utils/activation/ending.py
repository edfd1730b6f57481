# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment that did not end well means for the host, and what to do about it."""

from __future__ import annotations

import typing as t

from ..core.errors import LOG_LINES, ActivationError
from .deployment import details

if t.TYPE_CHECKING:
    from .answer import Answer

ADVICE = {
    "rolled_back": "correct the configuration and deploy again",
    "rollback_failed": "look at the machine at once: neither the new system nor the one before it runs as it should",
    "failed": "the machine may be between two systems: correct the cause and deploy again, or return with rollback",
    "superseded": "look at what runs there now, and deploy again",
}

BOOT_ADVICE = "make room for the boot loader, or mend it, before the machine boots again; writing it is tried again until somebody deploys"


def failure(deployment: str, answer: Answer) -> ActivationError:
    """Return the error of a deployment that did not end well."""
    ending, advice = _ending(answer)
    if advice and answer.log_file:
        advice = f"{advice}; the whole log is on the target: {answer.log_file}"
    return ActivationError(
        f"{answer.cause or 'the target gave no reason'}{ending}",
        code=answer.code or answer.outcome,
        log=_log_of(answer),
        advice=advice,
        **details(deployment, answer) | {"changed": answer.outcome != "refused"},
    )


def _log_of(answer: Answer) -> str:
    """Return what says why: the words of the step that failed, and of the way back only where that failed as well."""
    if not answer.said or answer.outcome != "rollback_failed":
        return answer.said or answer.log
    half = LOG_LINES // 2
    return "\n".join([*answer.said.splitlines()[-half:], *answer.log.splitlines()[-half:]])


def _ending(answer: Answer) -> tuple[str, str | None]:
    """Return how the machine stands after a deployment that did not end well, and what to do about it."""
    advice = answer.advice or ADVICE.get(answer.outcome)
    if answer.outcome == "rollback_failed":
        # What to do about the new system can wait.
        advice = ADVICE[answer.outcome]
    if answer.outcome == "rolled_back":
        return "; the machine is back on the system it ran before", advice
    if answer.outcome != "rollback_failed":
        return "", advice
    if answer.loader_failed and answer.now.running and answer.now.running == answer.previous.running:
        return "; the machine runs the system it ran before, but the next boot may bring up another", BOOT_ADVICE
    return "; going back to the system it ran before FAILED too, and is tried again until somebody deploys", advice


def units_failure(deployment: str, answer: Answer, **shown: t.Any) -> ActivationError:
    """Return the error of a deployment that ended well but for units that failed; ``shown`` is what else is known."""
    return ActivationError(
        f"the new system runs, but {answer.failed_units}",
        code="units",
        log=answer.said or answer.log,
        advice="look at the units on the machine; deploying again tries them again",
        **details(deployment, answer) | shown | {"changed": True},
    )


def warnings_failure(deployment: str, answer: Answer, **shown: t.Any) -> ActivationError:
    """Return the error of a deployment that ended well and warned, where that is not to be; ``shown`` is what else is known."""
    return ActivationError(
        f"the new system runs, but its activation warns: {'; '.join(answer.warnings)}",
        code="warnings",
        log=answer.said or answer.log,
        advice="mend what it warns of, and see that the system's activation warns no more",
        **details(deployment, answer) | shown | {"changed": True},
    )


def warnings_of_activation(host: str, answer: Answer, *, units: bool = True) -> dict[str, list[str]]:
    """Return what is to be warned of after a deployment that ended well, as a field of the result.

    ``units``: of units that failed too, where they fail no task.
    """
    failed_units = filter(None, [answer.failed_units if units else None])
    warnings = [f"{host}: {text}" for text in (*answer.warnings, *failed_units)]
    return {"warnings": warnings} if warnings else {}
