# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trace as Perfetto and Chrome read it: the JSON object format of the Trace Event Format.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .rows import Row
    from .run import Run

# All hosts are served by one run, whose threads they are.
PROCESS = 1


def chrome_trace(run: Run, began: float, rows: Sequence[Row]) -> dict[str, t.Any]:
    """Return the trace of a run that began at ``began``; times in it are in microseconds from then on."""
    return {
        "displayTimeUnit": "ms",
        "otherData": run.to_result(),
        "traceEvents": [
            _named("process_name", 0, name=f"nix.fleet: {', '.join(run.playbooks)}"),
            *_threads(began, rows),
        ],
    }


def _threads(began: float, rows: Sequence[Row]) -> Iterator[dict[str, t.Any]]:
    thread = 0
    for row in rows:
        for number, lane in enumerate(row.lanes, 1):
            thread += 1
            yield _named("thread_name", thread, name=row.host if number == 1 else f"{row.host} ({number})")
            yield _named("thread_sort_index", thread, sort_index=thread)
            for each in lane:
                start, end = (round((moment - began) * 1e6) for moment in (each.began, each.ended))
                yield {
                    "ph": "X",
                    "pid": PROCESS,
                    "tid": thread,
                    "ts": start,
                    "dur": end - start,
                    "cat": each.category,
                    "name": each.name,
                    "args": dict(each.detail),
                }


def _named(what: str, thread: int, **arguments: t.Any) -> dict[str, t.Any]:
    return {"ph": "M", "pid": PROCESS, "tid": thread, "name": what, "args": arguments}
