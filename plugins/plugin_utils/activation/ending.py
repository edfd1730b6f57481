# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment that did not end well means for the host, and what to do about it."""

from __future__ import annotations

import typing as t

from ..errors import ActivationError
from .deployment import details

if t.TYPE_CHECKING:
    from .answer import Answer

ADVICE = {
    "rolled_back": "correct the configuration and deploy again",
    "rollback_failed": "look at the machine at once: neither the new system nor the one before it runs as it should",
    "failed": "the machine may be between two systems: correct the cause and deploy again, or return with rollback",
    "superseded": "look at what runs there now, and deploy again",
}


def failure(deployment: str, answer: Answer) -> ActivationError:
    """Return the error of a deployment that did not end well."""
    ending = {
        "rolled_back": "; the machine is back on the system it ran before",
        "rollback_failed": "; going back to the system it ran before FAILED too",
    }.get(answer.outcome, "")
    advice = answer.advice or ADVICE.get(answer.outcome)
    if advice and answer.log_file:
        advice = f"{advice}; the whole log is on the target: {answer.log_file}"
    return ActivationError(
        f"{answer.cause or 'the target gave no reason'}{ending}",
        log=answer.log,
        advice=advice,
        **details(deployment, answer) | {"changed": answer.outcome != "refused"},
    )


def units_failure(deployment: str, answer: Answer, **shown: t.Any) -> ActivationError:
    """Return the error of a deployment that ended well but for units that failed; ``shown`` is what else is known."""
    return ActivationError(
        f"the new system runs, but {answer.failed_units}",
        log=answer.log,
        advice="look at the units on the machine; deploying again tries them again",
        **details(deployment, answer) | shown | {"changed": True},
    )


def warnings_of(host: str, answer: Answer) -> dict[str, list[str]]:
    """Return what is to be warned of after a deployment that ended well, as a field of the result."""
    warnings = [f"{host}: {text}" for text in (*answer.warnings, *filter(None, [answer.failed_units]))]
    return {"warnings": warnings} if warnings else {}
