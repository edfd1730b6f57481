# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a copy is given up for one in another manner."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import time
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy import pace
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.pace import Pace, SlowCopyError

MEGABYTE = 1_000_000


@dataclasses.dataclass
class Log:
    """How far a copy is, as its log tells."""

    bytes_done: int = 0
    bytes_expected: int = 1000 * MEGABYTE


class Machine:
    """A clock that the test sets, and processors as busy as it says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: pathlib.Path) -> None:
        self.seconds = 0.0
        self._statistics = directory / "stat"
        monkeypatch.setattr(pace, "STATISTICS", self._statistics)
        monkeypatch.setattr(time, "monotonic", lambda: self.seconds)
        self.ticks(idle=0, busy=0)

    def ticks(self, *, idle: int, busy: int) -> None:
        self._statistics.write_text(f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 2 3 4\n")

    def says_nothing(self) -> None:
        self._statistics.unlink()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


def yes() -> bool:
    return True


def no() -> bool:
    return False


def refuse() -> bool:
    raise AssertionError


def after(
    machine: Machine, seconds: float, sent: int, *, judge: Pace, before: int = 0, expected: int = 1000 * MEGABYTE
) -> None:
    """Have ``judge`` see a copy that goes from ``before`` to ``sent`` evenly, ten times a second."""
    judge.see(t.cast("t.Any", Log(before, expected)))
    begun, steps = machine.seconds, round(seconds * 10)
    for step in range(1, steps + 1):
        machine.seconds = begun + step / 10
        judge.see(t.cast("t.Any", Log(before + (sent - before) * step // steps, expected)))


def test_a_large_copy_over_a_slow_line_is_given_up(machine: Machine) -> None:
    machine.ticks(idle=0, busy=0)
    judge = Pace(may_compress=yes, may_fetch=no)
    judge.see(t.cast("t.Any", Log()))
    machine.ticks(idle=300, busy=100)
    with pytest.raises(SlowCopyError, match=r"^1\.5 MiB/s$"):
        after(machine, 4, 6 << 20, judge=judge)


@pytest.fixture
def idle(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine that has nothing else to do, and does not say so by its ticks."""
    machine.says_nothing()
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    return machine


def test_a_fast_one_goes_on(idle: Machine) -> None:
    after(idle, 4, 100 * MEGABYTE, judge=Pace(may_compress=yes, may_fetch=no))


def test_one_that_is_almost_done_goes_on(idle: Machine) -> None:
    after(idle, 4, 4 * MEGABYTE, expected=10 * MEGABYTE, judge=Pace(may_compress=yes, may_fetch=no))


def test_one_that_can_neither_be_compressed_nor_helped_goes_on(idle: Machine) -> None:
    after(idle, 4, MEGABYTE, judge=Pace(may_compress=no, may_fetch=no))


def test_nothing_is_judged_before_it_was_watched(idle: Machine) -> None:
    after(idle, 1, 0, judge=Pace(may_compress=yes, may_fetch=no))


def test_nothing_is_judged_twice(idle: Machine) -> None:
    judge = Pace(may_compress=yes, may_fetch=no)
    after(idle, 4, 100 * MEGABYTE, judge=judge)
    after(idle, 60, 100 * MEGABYTE, judge=judge)


def test_one_that_moves_not_at_all_is_not_judged(idle: Machine) -> None:
    after(idle, 60, 0, judge=Pace(may_compress=yes, may_fetch=no))


def test_to_wait_for_a_lock_of_the_target_is_not_to_be_slow(idle: Machine) -> None:
    judge = Pace(may_compress=yes, may_fetch=no)
    after(idle, 0.1, 2 * MEGABYTE, judge=judge)
    idle.seconds += 60
    after(idle, 4, 200 * MEGABYTE, before=2 * MEGABYTE, judge=judge)


def test_what_is_slow_after_a_lock_is_slow(idle: Machine) -> None:
    judge = Pace(may_compress=yes, may_fetch=no)
    after(idle, 0.1, 2 * MEGABYTE, judge=judge)
    idle.seconds += 60
    with pytest.raises(SlowCopyError):
        after(idle, 4, 6 * MEGABYTE, before=2 * MEGABYTE, judge=judge)


def test_a_line_that_lets_a_piece_through_every_two_seconds_is_slow(idle: Machine) -> None:
    judge = Pace(may_compress=yes, may_fetch=no)
    judge.see(t.cast("t.Any", Log()))
    for piece in range(1, 6):
        idle.seconds += 2
        judge.see(t.cast("t.Any", Log(piece << 16)))
    idle.seconds += 2
    with pytest.raises(SlowCopyError):
        judge.see(t.cast("t.Any", Log(6 << 16)))


def test_where_the_processors_are_busy_the_line_is_not_to_blame(machine: Machine) -> None:
    judge = Pace(may_compress=yes, may_fetch=no)
    judge.see(t.cast("t.Any", Log()))
    machine.ticks(idle=10, busy=390)
    after(machine, 4, MEGABYTE, judge=judge)


def test_where_the_system_does_not_tell_its_load_decides(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.says_nothing()
    monkeypatch.setattr(pace, "processors", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (3.9, 0.0, 0.0))
    after(machine, 4, MEGABYTE, judge=Pace(may_compress=yes, may_fetch=no))


@pytest.mark.parametrize(("compressing", "fetching"), [(True, False), (False, True), (True, True)])
def test_it_is_told_what_can_be_changed(idle: Machine, compressing: bool, fetching: bool) -> None:
    with pytest.raises(SlowCopyError) as slow:
        after(idle, 4, MEGABYTE, judge=Pace(may_compress=lambda: compressing, may_fetch=lambda: fetching))
    assert (slow.value.compressing, slow.value.fetching) == (compressing, fetching)


def test_a_fast_copy_asks_nobody_what_could_be_changed(idle: Machine) -> None:
    after(idle, 4, 100 * MEGABYTE, judge=Pace(may_compress=refuse, may_fetch=refuse))
