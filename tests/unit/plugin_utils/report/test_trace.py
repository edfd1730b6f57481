# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nix did, from its log and the notes of processes; and the trace of a run: slices, rows and the file for Perfetto."""

from __future__ import annotations

import datetime
import json
import pathlib
import typing as t
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from ansible_collections.nix.fleet.plugins.plugin_utils.report import nix_activities
from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import TaskEvent
from ansible_collections.nix.fleet.plugins.plugin_utils.report.json_report import Run
from ansible_collections.nix.fleet.plugins.plugin_utils.report.nix_activities import (
    Activities,
    Slice,
    begin_notes,
    notes_wanted,
    read_notes,
    write_notes,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.report.trace import Lanes, chrome_trace, rows, task_slices
from ansible_collections.nix.fleet.plugins.plugin_utils.run_state.run_state import RunState

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


HASH = "0" * 32
BUILD, COPY, COPY_ALL, FETCH, WAIT = 105, 100, 103, 108, 111


class Nix:
    """Says what it does, at the seconds that are given."""

    def __init__(self) -> None:
        self._now = 0.0
        self._activities = Activities(lambda: self._now)

    def start(self, at: float, number: int, kind: int, *fields: t.Any, text: str = "", parent: int = 0) -> None:
        self._say(at, action="start", id=number, type=kind, fields=list(fields), text=text, level=3, parent=parent)

    def stop(self, at: float, number: int) -> None:
        self._say(at, action="stop", id=number)

    def slices(self, at: float) -> list[Slice]:
        self._now = at
        return self._activities.slices()

    def _say(self, at: float, **event: t.Any) -> None:
        self._now = at
        self._activities.read("@nix " + json.dumps(event))


def drv(name: str) -> str:
    return f"/nix/store/{HASH}-{name}.drv"


def store_path(name: str) -> str:
    return f"/nix/store/{HASH}-{name}"


def test_a_build_names_the_machine_that_it_is_on_without_its_password() -> None:
    nix = Nix()
    nix.start(1.0, 7, BUILD, drv("nginx-1.28"), "ssh://me:secret@builder", 1, 1)
    (build,) = nix.slices(2.0)
    assert build.detail["machine"] == "ssh://me:***@builder"


def test_a_copy_is_part_of_the_fetch_that_needs_it_however_many_steps_are_between() -> None:
    nix = Nix()
    nix.start(0.0, 1, COPY_ALL)
    nix.start(1.0, 2, FETCH, store_path("hello"), "https://cache.example", parent=1)
    nix.start(1.1, 3, 999, parent=2)
    nix.start(1.2, 4, COPY, store_path("hello"), "https://cache.example", "local", parent=3)
    for at, number in enumerate((4, 3, 2, 1), 2):
        nix.stop(at, number)
    fetch, copy = nix.slices(9.0)
    assert (fetch.number, fetch.parent) == (2, 0)
    assert (copy.number, copy.parent) == (4, 2)


def test_waits_at_the_same_time_are_one() -> None:
    nix = Nix()
    for number in range(1, 9):
        nix.start(number / 10, number, WAIT, text=f"waiting for lock on '{store_path(str(number))}'")
    for number in range(1, 9):
        nix.stop(2.0, number)
    nix.start(3.0, 20, WAIT, text="waiting for a machine to build 'x'")
    several, one = nix.slices(4.0)
    assert several.name == f"waiting for lock on '{store_path('1')}', and 7 more"
    assert (several.began, several.ended) == (0.1, 2.0)
    assert several.detail["for"].endswith("and 3 more")
    assert one.name == "waiting for a machine to build 'x'"


def test_of_very_many_the_longest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nix_activities, "MOST_KEPT", 3)
    nix = Nix()
    for number in range(1, 11):
        nix.start(0.0, number, COPY, store_path(str(number)))
        nix.stop(float(number), number)
    assert sorted(each.name for each in nix.slices(20.0)) == ["copy 10", "copy 8", "copy 9"]


def test_what_makes_no_sense_is_passed_over() -> None:
    nix = Nix()
    nix.stop(1.0, 3)
    nix.start(1.0, 4, 12345, "x")
    nix.start(1.0, 5, BUILD)
    nix._activities.read("@nix {}")
    nix._activities.read("no event")
    assert [each.category for each in nix.slices(2.0)] == ["nix-build"]


def test_no_name_is_an_order_to_a_terminal() -> None:
    nix = Nix()
    nix.start(1.0, 4, WAIT, text="waiting\x1b]0;title\x07\nfor more")
    (wait,) = nix.slices(2.0)
    assert wait.name == "waiting\\x1b]0;title\\x07 for more"


A_BUILD = Slice("build größe", "nix-build", 1.0, 2.5, {"derivation": "x"}, 3, 1)
A_COPY = Slice("copy x", "nix-copy", 2.0, 2.25)


@pytest.fixture
def state(tmp_path: Path) -> RunState:
    return RunState(tmp_path)


def test_what_is_noted_is_read_by_host(state: RunState) -> None:
    begin_notes(state)
    assert notes_wanted(state)
    write_notes(state, "web", [A_BUILD, A_COPY])
    write_notes(state, "db", [A_COPY])
    write_notes(state, "web", [A_COPY])
    assert read_notes(state) == {"web": [A_BUILD, A_COPY, A_COPY], "db": [A_COPY]}


def test_a_state_that_cannot_be_written_costs_no_deployment(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state = RunState(tmp_path / "file")
    write_notes(state, "web", [A_BUILD])
    assert not notes_wanted(state)
