# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nix did, from its log, and the notes that processes take of it."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.report import nix_activities
from ansible_collections.nix.fleet.plugins.plugin_utils.report.nix_activities import (
    Activities,
    Slice,
    begin_notes,
    notes_wanted,
    read_notes,
    write_notes,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.run_state.run_state import RunState

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
