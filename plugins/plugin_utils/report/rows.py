# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A row for each host: its stages, and below them what Nix did in each, such that nothing overlaps."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .slice import Slice


@dataclasses.dataclass(frozen=True)
class Row:
    """One host. Its first lane has the stages and what Nix did in them one after the other.

    What Nix did at the same time as something else is in further lanes. Within a lane slices are in the order in
    which they began, and each is inside another one or after it.
    """

    host: str
    lanes: tuple[tuple[Slice, ...], ...]


def rows(stages: Mapping[str, Sequence[Slice]], activities: Mapping[str, Sequence[Slice]]) -> tuple[Row, ...]:
    """Return the rows in the order in which the hosts began. An activity outside of all stages is in none."""
    first = sorted(stages, key=lambda host: min(stage.began for stage in stages[host]))
    return tuple(Row(host, _lanes(stages[host], activities.get(host, ()))) for host in first)


def _lanes(stages: Sequence[Slice], activities: Sequence[Slice]) -> tuple[tuple[Slice, ...], ...]:
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
    inside = [lane for lane in lanes if activity.parent and lane.is_open(activity.parent, activity)]
    free = [lane for lane in lanes if lane.is_free(activity)]
    if not inside and not free:
        free = [_Lane()]
        lanes += free
    (inside or free)[0].put(activity)


class _Lane:
    def __init__(self) -> None:
        self.placed: list[Slice] = []
        # What has begun and not ended, the innermost last.
        self._open: list[Slice] = []

    def put(self, new: Slice) -> None:
        self._advance(new.began)
        self.placed.append(new)
        self._open.append(new)

    def is_open(self, number: int, activity: Slice) -> bool:
        """Whether the activity ``number`` is going on here, nothing within it, and ends no sooner than ``activity``."""
        self._advance(activity.began)
        return bool(self._open) and self._open[-1].number == number and self._open[-1].ended >= activity.ended

    def is_free(self, activity: Slice) -> bool:
        """Whether no other activity is going on here."""
        self._advance(activity.began)
        return not any(each.number for each in self._open)

    def _advance(self, now: float) -> None:
        while self._open and self._open[-1].ended <= now:
            self._open.pop()
