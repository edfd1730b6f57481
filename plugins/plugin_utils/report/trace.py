# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the time went: a row for each host, in the format that Perfetto and Chrome read.

That is the JSON object format of the Trace Event Format:
https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import typing as t

from ..core.text import harmless_line, size
from .events import Failure, ended_tasks
from .nix_activities import Slice
from .records import MODULES, stage_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .events import TaskEvent
    from .json_report import Run


# Of modules that are not ours, and of what holds our roles together.
OTHER = "task"
LONGEST_TEXT = 500


def task_slices(events: Iterable[TaskEvent]) -> dict[str, list[Slice]]:
    """Return what each host's tasks did. A task that was skipped did nothing."""
    found: dict[str, list[Slice]] = {}
    for event, began in ended_tasks(events):
        module = MODULES.get(event.module or "")
        category = (module and module.stage) or OTHER
        name = stage_of(event) or event.task or event.module or OTHER
        done = Slice(harmless_line(name), category, began, event.at, _detail(event))
        found.setdefault(event.host, []).append(done)
    return found


def _detail(event: TaskEvent) -> dict[str, t.Any]:
    result = event.result
    shown: dict[str, t.Any] = {"task": event.task, "status": event.status, "changed": bool(result.get("changed"))}
    if event.status != "ok":
        shown["cause"] = Failure.from_result(result).cause
    elif stage_of(event) and result.get("msg"):
        shown["result"] = result["msg"]
    if isinstance(result.get("copied_bytes"), int):
        shown["copied"] = size(result["copied_bytes"])
    return {
        name: harmless_line(value)[:LONGEST_TEXT] if isinstance(value, str) else value for name, value in shown.items()
    }


# Of one host. The first has the stages and what Nix did in them one after the other; what it did at the same time as
# something else is in further ones. Within a lane slices are in the order in which they began, and each is inside another
# one or after it.
Lanes = tuple[tuple[Slice, ...], ...]


def rows(stages: Mapping[str, Sequence[Slice]], activities: Mapping[str, Sequence[Slice]]) -> dict[str, Lanes]:
    """Return the lanes of the hosts in the order in which these began. An activity outside of all stages is in none."""
    first = sorted(stages, key=lambda host: min(stage.began for stage in stages[host]))
    return {host: _lanes(stages[host], activities.get(host, ())) for host in first}


def _lanes(stages: Sequence[Slice], activities: Sequence[Slice]) -> Lanes:
    lanes = [_Lane()]
    waiting = sorted(activities, key=lambda activity: (activity.began, -activity.ended))
    for stage in sorted(stages, key=lambda stage: stage.began):
        lanes[0].put(stage)
        rest: list[Slice] = []
        for activity in waiting:
            if stage.began <= (activity.began + activity.ended) / 2 <= stage.ended:
                _place(lanes, activity.within(stage.began, stage.ended))
            else:
                rest.append(activity)
        waiting = rest
    return tuple(tuple(lane.placed) for lane in lanes)


def _place(lanes: list[_Lane], activity: Slice) -> None:
    """Put an activity inside the one that it is part of, or else where nothing else is going on."""
    inside, free = [], []
    for lane in lanes:
        around = lane.innermost(activity.began)
        if around is None or not around.number:
            free.append(lane)
        elif around.number == activity.parent and around.ended >= activity.ended:
            inside.append(lane)
    if not inside and not free:
        free.append(_Lane())
        lanes += free
    (inside or free)[0].put(activity)


class _Lane:
    def __init__(self) -> None:
        self.placed: list[Slice] = []
        # What has begun and not ended, the innermost last.
        self._open: list[Slice] = []

    def put(self, new: Slice) -> None:
        self.innermost(new.began)
        self.placed.append(new)
        self._open.append(new)

    def innermost(self, now: float) -> Slice | None:
        """Return what is going on here and nothing within it: a stage, whose number is 0, or an activity."""
        while self._open and self._open[-1].ended <= now:
            self._open.pop()
        return self._open[-1] if self._open else None


# All hosts are served by one run, whose threads they are.
PROCESS = 1


def chrome_trace(run: Run, began: float, rows: Mapping[str, Lanes]) -> dict[str, t.Any]:
    """Return the trace of a run that began at ``began``; times in it are in microseconds from then on."""
    lanes = [
        (host if number == 1 else f"{host} ({number})", lane)
        for host, all_lanes in rows.items()
        for number, lane in enumerate(all_lanes, 1)
    ]
    events = [_named("process_name", 0, name=f"nix.fleet: {', '.join(run.playbooks)}")]
    for thread, (name, lane) in enumerate(lanes, 1):
        events.append(_named("thread_name", thread, name=name))
        events.append(_named("thread_sort_index", thread, sort_index=thread))
        for each in lane:
            start, end = (round((moment - began) * 1e6) for moment in (each.began, each.ended))
            event = {"ph": "X", "pid": PROCESS, "tid": thread, "ts": start, "dur": end - start}
            events.append({**event, "cat": each.category, "name": each.name, "args": dict(each.detail)})
    return {"displayTimeUnit": "ms", "otherData": run.to_result(), "traceEvents": events}


def _named(what: str, thread: int, **arguments: t.Any) -> dict[str, t.Any]:
    return {"ph": "M", "pid": PROCESS, "tid": thread, "name": what, "args": arguments}
