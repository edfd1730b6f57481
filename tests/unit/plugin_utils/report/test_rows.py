# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shown beside and inside what."""

from __future__ import annotations

import typing as t

import hypothesis
from hypothesis import strategies as st

from ansible_collections.nix.fleet.plugins.plugin_utils.report.rows import Row, rows
from ansible_collections.nix.fleet.plugins.plugin_utils.report.slice import Slice

Seen = list[list[str]]


def stage(began: float, ended: float) -> Slice:
    return Slice("stage", "build", began, ended)


def activity(number: int, began: float, ended: float, parent: int = 0) -> Slice:
    return Slice(str(number), "nix-build", began, ended, {}, number, parent)


def lanes(*activities: Slice, stages: t.Sequence[Slice] = (stage(0, 10),)) -> Seen:
    (row,) = rows({"web": stages}, {"web": activities})
    return [[each.name for each in lane] for lane in row.lanes]


def test_what_happens_one_after_the_other_is_inside_its_stage() -> None:
    assert lanes(activity(2, 4, 5), activity(1, 1, 4)) == [["stage", "1", "2"]]


def test_what_happens_at_the_same_time_has_a_lane_of_its_own() -> None:
    both = lanes(activity(1, 1, 6), activity(2, 2, 3), activity(3, 4, 8), activity(4, 6, 7))
    assert both == [["stage", "1", "4"], ["2", "3"]]


def test_what_is_part_of_an_activity_is_inside_it() -> None:
    assert lanes(activity(1, 1, 6), activity(2, 2, 5, parent=1)) == [["stage", "1", "2"]]


def test_parts_at_the_same_time_are_not_inside_each_other() -> None:
    parts = lanes(activity(1, 1, 6), activity(2, 2, 5, parent=1), activity(3, 3, 4, parent=1))
    assert parts == [["stage", "1", "2"], ["3"]]


def test_an_activity_ends_with_its_stage_at_the_latest() -> None:
    (row,) = rows({"web": [stage(1, 5)]}, {"web": [activity(1, 0.9, 5.1)]})
    assert [(each.began, each.ended) for each in row.lanes[0]] == [(1, 5), (1, 5)]


def test_an_activity_outside_of_all_stages_is_in_none() -> None:
    assert lanes(activity(1, 11, 12)) == [["stage"]]


def test_hosts_are_in_the_order_in_which_they_began() -> None:
    assert [row.host for row in rows({"b": [stage(2, 3)], "a": [stage(1, 9)]}, {"c": [activity(1, 1, 2)]})] == [
        "a",
        "b",
    ]


def overlapping(row: Row) -> list[tuple[Slice, Slice]]:
    """Return the slices of a lane that neither follow nor contain each other, which no viewer could show."""
    return [
        (one, other)
        for lane in row.lanes
        for number, one in enumerate(lane)
        for other in lane[number + 1 :]
        if not (one.ended <= other.began or one.ended >= other.ended)
    ]


TIMES = st.integers(0, 40).map(lambda tenths: tenths / 2)


@st.composite
def activities(draw: st.DrawFn) -> list[Slice]:
    made = []
    for number in range(1, draw(st.integers(0, 14)) + 1):
        began, ended = sorted((draw(TIMES), draw(TIMES)))
        made.append(activity(number, began, ended, draw(st.integers(0, number - 1))))
    return made


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(activities())
def test_whatever_nix_does_everything_is_inside_or_after_what_came_before(found: list[Slice]) -> None:
    (row,) = rows({"web": [stage(0, 6), stage(6, 12), stage(13, 20)]}, {"web": found})
    assert overlapping(row) == []
    for lane in row.lanes:
        began = [each.began for each in lane]
        assert began == sorted(began)
