# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment that ended well comes to, in one sentence for a person."""

from __future__ import annotations

import typing as t

from ..nix.store import store_path_name

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .answer import Answer
    from .request import Request

# By goal: what there was nothing to do for, what has been done, and what would be done outside of a check.
ALREADY = {"switch": "runs already and is the default", "boot": "is the default already", "test": "runs already"}
DONE = {"switch": "runs now and is the default", "boot": "is the default from now on", "test": "runs now"}
WOULD = {"switch": "would run and be the default", "boot": "would be the default", "test": "would run"}


def sentence(request: Request, answer: Answer) -> str:
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
    if answer.ending == "reboot":
        return f"{name} is the default{_generation(answer)}, and runs after a reboot"
    reboot = "; only a reboot brings all of it into use" if answer.reboot_required else ""
    return f"{name} {DONE[request.goal]}{_generation(answer)}{reboot}"


def foreseen(shown: Mapping[str, t.Any], answer: Answer) -> dict[str, t.Any]:
    """Return what a check shows of a change: the packages that ``shown`` has, and what the platform's own dry run said."""
    packages = shown.get("diff", {}).get("prepared", "").rstrip("\n")
    text = "\n".join(filter(None, [packages, answer.log]))
    return {**shown, **({"diff": {"prepared": f"{text}\n"}} if text else {})}


def _generation(answer: Answer) -> str:
    before, now = answer.previous.generation, answer.now.generation
    if now is None:
        return ""
    return f", generation {now}" if before in (None, now) else f", generation {before} → {now}"
