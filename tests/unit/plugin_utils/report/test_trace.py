# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trace of a run: slices, rows and the file for Perfetto."""

from __future__ import annotations

import datetime
import json
import pathlib
import typing as t

import hypothesis
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import TaskEvent
from ansible_collections.nix.fleet.plugins.plugin_utils.report.json_report import Run
from ansible_collections.nix.fleet.plugins.plugin_utils.report.nix_activities import Slice
from ansible_collections.nix.fleet.plugins.plugin_utils.report.trace import Lanes, chrome_trace, rows, task_slices

ROOT = pathlib.Path(__file__).resolve().parents[4]
SCHEMA = json.loads((ROOT / "docs/schemas/trace-1.json").read_text())
RUN = Run("id", ("deploy.yml",), datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc), 12.0)
BEGAN = 1000.0
ROWS = rows(
    {
        "web": [Slice("build", "build", 1001.0, 1003.5, {"status": "ok", "changed": True})],
        "db": [Slice("copy", "copy", 1002.0, 1004.0)],
    },
    {
        "web": [
            Slice("build a", "nix-build", 1001.25, 1002.25, {"derivation": "a"}, 1),
            Slice("build b", "nix-build", 1001.5, 1002.0, {}, 2),
        ]
    },
)
TRACE = chrome_trace(RUN, BEGAN, ROWS)


def threads() -> dict[int, str]:
    return {each["tid"]: each["args"]["name"] for each in TRACE["traceEvents"] if each["name"] == "thread_name"}


def test_it_is_what_its_schema_says() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert [error.message for error in Draft7Validator(SCHEMA).iter_errors(json.loads(json.dumps(TRACE)))] == []


def test_each_host_is_a_thread_and_has_another_one_for_what_happens_at_the_same_time() -> None:
    assert threads() == {1: "web", 2: "web (2)", 3: "db"}


def test_times_are_microseconds_from_the_beginning_of_the_run() -> None:
    shown = {
        each["name"]: (threads()[each["tid"]], each["ts"], each["dur"])
        for each in TRACE["traceEvents"]
        if each["ph"] == "X"
    }
    assert shown == {
        "build": ("web", 1_000_000, 2_500_000),
        "build a": ("web", 1_250_000, 1_000_000),
        "build b": ("web (2)", 1_500_000, 500_000),
        "copy": ("db", 2_000_000, 2_000_000),
    }


Seen = list[list[str]]


def stage(began: float, ended: float) -> Slice:
    return Slice("stage", "build", began, ended)


def activity(number: int, began: float, ended: float, parent: int = 0) -> Slice:
    return Slice(str(number), "nix-build", began, ended, {}, number, parent)


def lanes(*activities: Slice, stages: t.Sequence[Slice] = (stage(0, 10),)) -> Seen:
    return [[each.name for each in lane] for lane in rows({"web": stages}, {"web": activities})["web"]]


def test_what_happens_at_the_same_time_has_a_lane_of_its_own() -> None:
    both = lanes(activity(1, 1, 6), activity(2, 2, 3), activity(3, 4, 8), activity(4, 6, 7))
    assert both == [["stage", "1", "4"], ["2", "3"]]


def test_an_activity_ends_with_its_stage_at_the_latest() -> None:
    made = rows({"web": [stage(1, 5)]}, {"web": [activity(1, 0.9, 5.1)]})["web"]
    assert [(each.began, each.ended) for each in made[0]] == [(1, 5), (1, 5)]


def overlapping(lanes: Lanes) -> list[tuple[Slice, Slice]]:
    """Return the slices of a lane that neither follow nor contain each other, which no viewer could show."""
    return [
        (one, other)
        for lane in lanes
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
    made = rows({"web": [stage(0, 6), stage(6, 12), stage(13, 20)]}, {"web": found})["web"]
    assert overlapping(made) == []
    for lane in made:
        began = [each.began for each in lane]
        assert began == sorted(began)


def events(module: str | None, status: t.Any = "ok", *, task: str = "", **result: t.Any) -> list[TaskEvent]:
    return [
        TaskEvent("web", module, "started", 1.0, task=task),
        TaskEvent("web", module, status, 3.0, result, task=task),
    ]


def only(found: list[TaskEvent]) -> Slice:
    (slice_,) = task_slices(found)["web"]
    return slice_


def test_a_module_of_ours_is_named_for_its_stage() -> None:
    copy = only(events("nix_copy_closure", task="Copy", msg="2 paths copied", changed=True, copied_bytes=2048))
    assert (copy.name, copy.category, copy.began, copy.ended) == ("copy", "copy", 1.0, 3.0)
    assert copy.detail == {
        "task": "Copy",
        "status": "ok",
        "changed": True,
        "result": "2 paths copied",
        "copied": "2.0 KiB",
    }


def test_what_others_return_is_not_told() -> None:
    assert "secret" not in str(only(events(None, task="Fetch", msg="secret", stdout="secret")))
