# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks of each host as slices: named for the stage where a module of ours does it."""

from __future__ import annotations

import typing as t

from ..core.quantities import size
from ..core.terminal import harmless_line
from .records import Failure
from .slice import Slice
from .stages import STAGES

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from .events import TaskEvent

# Of modules that are not ours, and of what holds our roles together.
OTHER = "task"
LONGEST_TEXT = 500


def stages(events: Iterable[TaskEvent]) -> dict[str, list[Slice]]:
    """Return what each host's tasks did. A task that was skipped did nothing."""
    found: dict[str, list[Slice]] = {}
    began: dict[str, float] = {}
    for event in events:
        if event.status == "started":
            began[event.host] = event.at
        elif event.host in began:
            found.setdefault(event.host, []).append(_slice(event, began.pop(event.host)))
    return found


def _slice(event: TaskEvent, began: float) -> Slice:
    category = STAGES[event.module][0] if event.module in STAGES else OTHER
    is_stage = category != OTHER and not event.only_asked
    name = category if is_stage else event.task or event.module or OTHER
    return Slice(harmless_line(name), category, began, event.at, _detail(event))


def _detail(event: TaskEvent) -> dict[str, t.Any]:
    result = event.result
    told: dict[str, t.Any] = {"task": event.task, "status": event.status, "changed": bool(result.get("changed"))}
    if event.status != "ok":
        told["cause"] = Failure.from_result(result).cause
    elif event.module in STAGES and result.get("msg"):
        told["result"] = result["msg"]
    if isinstance(result.get("copied_bytes"), int):
        told["copied"] = size(result["copied_bytes"])
    return {
        name: harmless_line(value)[:LONGEST_TEXT] if isinstance(value, str) else value for name, value in told.items()
    }
