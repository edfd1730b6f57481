# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long checks are looked at, on a clock of the test's own."""

from __future__ import annotations

import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.health.check import Finding
from ansible_collections.nix.fleet.plugins.plugin_utils.health.watch import Observation, Patience, observe

HOLDS = Finding(True, "well")
FAILS = Finding(False, "not well")
HOPELESS = Finding(False, "never well", final=True)
UNSEEN = Finding(None, "not run")


def observed(looks: list[tuple[Finding, ...]], patience: Patience) -> Observation:
    """Look at what ``looks`` finds, the last of which stays; nothing but waiting takes time."""
    now = [100.0]
    rest = iter(looks)
    last: list[t.Any] = []

    def look() -> tuple[Finding, ...]:
        last[:] = [next(rest, last[0] if last else ())]
        return t.cast("tuple[Finding, ...]", last[0])

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return observe(look, patience, clock=lambda: now[0], sleep=sleep)


def test_checks_that_hold_are_looked_at_once() -> None:
    seen = observed([(HOLDS, HOLDS)], Patience(within=10))
    assert (seen.held, seen.looks, seen.elapsed) == (True, 1, 0)


def test_checks_are_looked_at_until_all_of_them_hold_at_once() -> None:
    seen = observed([(HOLDS, FAILS), (FAILS, HOLDS), (HOLDS, HOLDS)], Patience(within=10, interval=2))
    assert (seen.held, seen.looks, seen.elapsed) == (True, 3, 4)
    assert seen.seconds == (4, 2), "when each began to hold"


def test_the_last_look_is_when_the_time_is_out() -> None:
    seen = observed([(FAILS,)], Patience(within=5, interval=2))
    assert (seen.held, seen.looks, seen.elapsed) == (False, 4, 5)


def test_without_time_there_is_one_look() -> None:
    seen = observed([(FAILS,)], Patience(within=0))
    assert (seen.held, seen.looks) == (False, 1)


def test_what_waiting_cannot_change_is_not_waited_for() -> None:
    seen = observed([(HOPELESS, HOLDS)], Patience(within=60))
    assert (seen.held, seen.looks, seen.elapsed) == (False, 1, 0)


def test_checks_that_keep_holding_are_looked_at_for_as_long_as_they_must() -> None:
    seen = observed([(FAILS,), (HOLDS,)], Patience(within=10, stable_for=7, interval=2))
    assert (seen.held, seen.looks, seen.elapsed, seen.lost_after) == (True, 6, 9, None)


def test_one_look_at_which_a_check_no_longer_holds_is_enough() -> None:
    seen = observed([(HOLDS,), (HOLDS,), (FAILS,), (HOLDS,)], Patience(within=60, stable_for=60, interval=2))
    assert (seen.held, seen.looks, seen.lost_after) == (False, 3, 4)


def test_what_nobody_looked_at_keeps_nobody_waiting() -> None:
    assert observed([(UNSEEN, HOLDS)], Patience(within=10)).held
