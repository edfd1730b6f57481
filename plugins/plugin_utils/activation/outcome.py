# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a deployment that has ended: a message, warnings or the error, and in check mode what is predicted."""

from __future__ import annotations

import typing as t

from ..core.errors import LOG_LINES, ActivationError
from ..nix.store import store_path_name
from .answer import details

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .answer import Answer
    from .request import Request

ADVICE = {
    "rolled_back": "see to the cause, and deploy again",
    "rollback_failed": "look at the machine at once: neither the new {noun} nor the one before it runs as it should",
    "failed": "the machine may be between two {noun}s: correct the cause and deploy again, or return with rollback",
    "superseded": "look at what runs there now, and deploy again",
}

BOOT_ADVICE = "make room for the boot loader, or mend it, before the machine boots again; writing it is tried again until somebody deploys"

# By goal: what there was nothing to do for, what has been done, and what would be done outside of a check.
ALREADY = {"switch": "runs already and is the default", "boot": "is the default already", "test": "runs already"}
DONE = {"switch": "runs now and is the default", "boot": "is the default from now on", "test": "runs now"}
WOULD = {"switch": "would run and be the default", "boot": "would be the default", "test": "would run"}


def message(request: Request, answer: Answer) -> str:
    """Return what became of the machine, or would become of it."""
    if answer.outcome == "unchanged" and answer.cause:
        return f"nothing was changed: {answer.cause}"
    name = store_path_name(answer.closure) if answer.closure else "the closure"
    if request.specialisation:
        name = f"{name} with its specialisation {request.specialisation}"
    if request.goal == "dry-activate":
        if answer.exit_code is None:
            return f"{name} is not on the machine yet, where it could be tried"
        return f"nothing was activated; the log says what activating {name} would do"
    if answer.outcome == "unchanged":
        return f"{name} {ALREADY[request.goal]}{_generation(answer)}"
    if request.check:
        return f"{name} {WOULD[request.goal]}"
    if answer.outcome == "awaiting":
        return f"{name} runs now, and goes again unless it is confirmed within {request.confirm_timeout} s"
    if answer.status == "reboot":
        return f"{name} is the default{_generation(answer)}, and runs after a reboot"
    reboot = "; only a reboot brings all of it into use" if answer.reboot_required else ""
    return f"{name} {DONE[request.goal]}{_generation(answer)}{reboot}"


def predicted(shown: Mapping[str, t.Any], answer: Answer, units: str = "") -> dict[str, t.Any]:
    """Return what a check shows of a change: the packages that ``shown`` has, and what the platform's own dry run said.

    ``units`` is what is known of these where it could not be run.
    """
    packages = shown.get("diff", {}).get("prepared", "").rstrip("\n")
    if "diff" not in shown and answer.closure and (answer.previous.running or answer.previous.closure):
        packages = (
            f"which packages change is not known: the new {answer.noun} is neither on the machine nor where it is built"
        )
    text = "\n".join(filter(None, [packages, units, answer.log]))
    return {**shown, **({"diff": {"prepared": f"{text}\n"}} if text else {})}


def _generation(answer: Answer) -> str:
    before, now = answer.previous.generation, answer.now.generation
    if now is None:
        return ""
    return f", generation {now}" if before in (None, now) else f", generation {before} → {now}"


def failure(deployment: str, answer: Answer) -> ActivationError:
    """Return the error of a deployment that did not end well."""
    state, advice = _current_state(answer)
    if advice and answer.log_file:
        advice = f"{advice}; the whole log is on the target: {answer.log_file}"
    return ActivationError(
        f"{answer.cause or 'the target gave no reason'}{state}",
        code=answer.code or answer.outcome,
        log=_log_of(answer) if answer.outcome != "refused" else _more_than(answer.cause, _log_of(answer)),
        advice=advice,
        **details(deployment, answer) | {"changed": answer.outcome != "refused"},
    )


def _log_of(answer: Answer) -> str:
    """Return what says why: the words of the step that failed, and of the way back only where that failed as well."""
    if not answer.step_log or answer.outcome != "rollback_failed":
        return answer.step_log or answer.log
    half = LOG_LINES // 2
    return "\n".join([*answer.step_log.splitlines()[-half:], *answer.log.splitlines()[-half:]])


def _more_than(cause: str, log: str) -> str:
    """Return a log that says more than the cause does, or nothing."""
    return "" if all(" ".join(line.split()) in " ".join(cause.split()) for line in log.splitlines()) else log


def _current_state(answer: Answer) -> tuple[str, str | None]:
    """Return how the machine stands after a deployment that did not end well, and what to do about it."""
    usual = ADVICE.get(answer.outcome, "").format(noun=answer.noun)
    # Where neither runs, what to do about the new one can wait.
    advice = usual if answer.outcome == "rollback_failed" else answer.advice or usual or None
    if answer.outcome == "rolled_back":
        return f"; the machine is back on the {answer.noun} it ran before", advice
    if answer.outcome != "rollback_failed":
        return "", advice
    if answer.loader_failed and answer.now.running and answer.now.running == answer.previous.running:
        return "; the machine runs the system it ran before, but the next boot may bring up another", BOOT_ADVICE
    return (
        f"; going back to the {answer.noun} it ran before FAILED too, and is tried again until somebody deploys",
        advice,
    )


def units_failure(deployment: str, answer: Answer, **shown: t.Any) -> ActivationError:
    """Return the error of a deployment that ended well but for units that failed; ``shown`` is what else is known."""
    return ActivationError(
        f"the new {answer.noun} runs, but {answer.failed_units}",
        code="units",
        log=answer.step_log or answer.log,
        advice="look at the units on the machine; deploying again tries them again",
        **details(deployment, answer) | shown | {"changed": True},
    )


def warnings_of_activation(host: str, answer: Answer, *, units: bool = True) -> dict[str, list[str]]:
    """Return what is to be warned of after a deployment that ended well, as a field of the result.

    ``units``: of units that failed too, where they fail no task.
    """
    failed_units = filter(None, [answer.failed_units if units else None])
    warnings = [f"{host}: {text}" for text in (*answer.warnings, *failed_units)]
    return {"warnings": warnings} if warnings else {}
