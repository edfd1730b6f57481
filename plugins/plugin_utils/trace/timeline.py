# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trace as one page for people: it needs a browser, and neither a network nor a program."""

from __future__ import annotations

import html
import itertools
import string
import typing as t
from pathlib import Path

from ..report.quantities import duration

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..report.run import Run
    from .rows import Placed, Row
    from .slice import Slice

# What a browser still shows at once. Of what Nix did, the shortest is left out first.
MOST_SHOWN = 8000
TICKS_ACROSS = 12
ZOOMS = (1, 2, 4, 8, 16, 32)
# In the order in which a host goes through them; what else there is comes behind.
CATEGORIES = (
    "evaluation build copy keys activation health confirmation reboot collection rollout status task "
    "nix-build nix-copy nix-fetch nix-wait"
).split()
NAMES = {
    "task": "other task",
    "nix-build": "Nix builds",
    "nix-copy": "Nix copies",
    "nix-fetch": "Nix fetches",
    "nix-wait": "Nix waits",
}


def timeline(run: Run, began: float, rows: Sequence[Row]) -> str:
    """Return the page of a run that began at ``began``."""
    page = _Page(began, _length(run, began, rows), _shortest_shown(rows))
    template = Path(__file__).with_name("timeline.html").read_text(encoding="utf-8")
    return string.Template(template).substitute(
        title=html.escape(f"nix.fleet: {', '.join(run.playbooks)}"),
        about=html.escape(_about(run, rows)),
        left_out=html.escape(page.left_out(rows)),
        legend="\n".join(page.legend(rows)),
        ticks="\n".join(page.ticks()),
        rows="\n".join(itertools.chain.from_iterable(page.row(row) for row in rows)),
    )


def _about(run: Run, rows: Sequence[Row]) -> str:
    hosts = f"{len(rows)} {'host' if len(rows) == 1 else 'hosts'}"
    return f"{run.started:%Y-%m-%d %H:%M:%S} UTC, {duration(run.seconds)}, {hosts}: {run.result}"


def _length(run: Run, began: float, rows: Sequence[Row]) -> float:
    ends = (placed.slice.ended - began for row in rows for lane in row.lanes for placed in lane)
    return max(run.seconds, *ends, 0.001)


def _shortest_shown(rows: Sequence[Row]) -> float:
    """Return how long an activity of Nix's must have taken to be shown."""
    seconds = sorted((placed.slice.seconds for placed in _activities(rows)), reverse=True)
    return seconds[MOST_SHOWN] if len(seconds) > MOST_SHOWN else 0.0


def _activities(rows: Sequence[Row]) -> Iterator[Placed]:
    return (placed for row in rows for lane in row.lanes for placed in lane if placed.slice.number)


class _Page:
    def __init__(self, began: float, seconds: float, shortest: float) -> None:
        self._began = began
        self._seconds = seconds
        self._shortest = shortest

    def left_out(self, rows: Sequence[Row]) -> str:
        """Say what is not shown."""
        count = sum(not self._is_shown(placed) for placed in _activities(rows))
        return f"{count} of Nix's activities, of {duration(self._shortest)} and less, are not shown." if count else ""

    def legend(self, rows: Sequence[Row]) -> Iterator[str]:
        """Yield what each colour means."""
        there = {placed.slice.category for row in rows for lane in row.lanes for placed in lane}
        for category in (*(each for each in CATEGORIES if each in there), *sorted(there - {*CATEGORIES})):
            name = html.escape(NAMES.get(category, category))
            yield f'<span><i class="{html.escape(category)}"></i>{name}</span>'

    def ticks(self) -> Iterator[str]:
        """Yield the marks of the axis, each with the zoom from which on there is room for it."""
        shown: set[str] = set()
        for zoom in ZOOMS:
            step = _round_step(self._seconds / TICKS_ACROSS / zoom)
            for number in range(int(self._seconds / step) + 1):
                place = self._percent(number * step)
                if place not in shown:
                    shown.add(place)
                    hidden = "" if zoom == 1 else " hidden"
                    yield f'<u data-zoom="{zoom}" style="left:{place}"{hidden}>{_moment(number * step, step)}</u>'

    def row(self, row: Row) -> Iterator[str]:
        """Yield a host with all that was done for it."""
        host = html.escape(row.host)
        yield f'<div class="host"><b title="{host}">{host}</b><div class="track">'
        stages, *rest = self._lines(row)
        yield f'<div class="stages">{"".join(map(self._bar, stages))}</div>'
        yield from (f'<div class="nix">{"".join(map(self._bar, line))}</div>' for line in rest)
        yield "</div></div>"

    def _lines(self, row: Row) -> list[list[Placed]]:
        """Return the lines of bars: the stages, and for each lane a line for each depth that anything in it is at."""
        lines: list[list[Placed]] = [[placed for placed in row.lanes[0] if not placed.slice.number]]
        for lane in row.lanes:
            nested = [placed for placed in lane if placed.slice.number and self._is_shown(placed)]
            depths = sorted({placed.depth for placed in nested})
            lines += [[placed for placed in nested if placed.depth == depth] for depth in depths]
        return lines

    def _is_shown(self, placed: Placed) -> bool:
        return placed.slice.seconds > self._shortest or self._shortest == 0

    def _bar(self, placed: Placed) -> str:
        each = placed.slice
        bad = " failed" if each.detail.get("status") in ("failed", "unreachable") else ""
        place = f"left:{self._percent(each.began - self._began)};width:{self._percent(each.seconds)}"
        return (
            f'<i class="{html.escape(each.category)}{bad}" style="{place}" title="{html.escape(self._told(each))}">'
            f"{html.escape(each.name)}</i>"
        )

    def _told(self, each: Slice) -> str:
        details = (f"{name}: {value}" for name, value in each.detail.items() if value not in ("", None, False))
        start = duration(max(0.0, each.began - self._began))
        return "\n".join([f"{each.name}: {_exact(each.seconds)}, from {start} on", *details])

    def _percent(self, seconds: float) -> str:
        return f"{100 * seconds / self._seconds:.4f}%"


def _round_step(least: float) -> float:
    """Return the next larger one of 1, 2 and 5 times a power of ten."""
    power = 1e-3
    while True:
        for factor in (1, 2, 5):
            if power * factor >= least:
                return power * factor
        power *= 10


def _moment(seconds: float, step: float) -> str:
    digits = 0 if step >= 1 else 1 if step >= 0.1 else 2 if step >= 0.01 else 3
    if seconds >= 60 and digits == 0:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}:{rest:02d}"
    return f"{seconds:.{digits}f} s"


def _exact(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s" if seconds < 60 else duration(seconds)
