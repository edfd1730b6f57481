# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person and a playbook are told of a host's checks."""

from __future__ import annotations

import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.health.check import Finding
from ansible_collections.nix.fleet.plugins.plugin_utils.health.kinds import CommandCheck
from ansible_collections.nix.fleet.plugins.plugin_utils.health.observation import (
    Limits,
    Observation,
    failure,
    observe,
)

PAGE = CommandCheck("the page", 10, ("true",))
QUEUE = CommandCheck("the queue", 10, ("true",))
HOLDS = Finding(True, "well")
FAILS = Finding(False, "exit code 1 instead of 0", "no \x1b[2Jbroker\n")
HOPELESS = Finding(False, "never well", final=True)


def observation(*findings: Finding, lost_after: float | None = None) -> Observation:
    return Observation(findings, (1.0,) * len(findings), attempts=2, elapsed=10.2, lost_after=lost_after)


def test_a_failure_names_each_check_that_does_not_hold_and_why() -> None:
    error = failure([PAGE, QUEUE], observation(HOLDS, FAILS))
    assert error.code == "health.failing"
    assert error.headline == "health: 1 of 2 checks does not hold after 10 s: the queue: exit code 1 instead of 0"
    assert failure([PAGE, QUEUE], observation(FAILS, FAILS)).cause.startswith("2 of 2 checks do not hold after 10 s: ")
    assert failure([PAGE], observation(FAILS)).cause.startswith("the check does not hold after 10 s: the page: ")


def test_what_a_failed_check_printed_is_shown_and_cannot_command_a_terminal() -> None:
    error = failure([PAGE, QUEUE], observation(HOLDS, FAILS))
    assert error.log == "the queue:\nno broker"
    assert error.to_result()["checks"][1]["output"] == "no broker"


def observed(found: list[tuple[Finding, ...]], limits: Limits) -> Observation:
    """Observe what ``found`` says, the last of which stays; nothing but waiting takes time."""
    now = [100.0]
    rest = iter(found)
    last: list[t.Any] = []

    def run() -> tuple[Finding, ...]:
        last[:] = [next(rest, last[0] if last else ())]
        return t.cast("tuple[Finding, ...]", last[0])

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return observe(run, limits, clock=lambda: now[0], sleep=sleep)


def test_checks_are_run_until_all_of_them_hold_at_once() -> None:
    seen = observed([(HOLDS, FAILS), (FAILS, HOLDS), (HOLDS, HOLDS)], Limits(within=10, interval=2))
    assert (seen.held, seen.attempts, seen.elapsed) == (True, 3, 4)
    assert seen.seconds == (4, 2), "when each began to hold"


def test_the_last_attempt_is_when_the_time_is_out() -> None:
    seen = observed([(FAILS,)], Limits(within=5, interval=2))
    assert (seen.held, seen.attempts, seen.elapsed) == (False, 4, 5)


def test_what_waiting_cannot_change_is_not_waited_for() -> None:
    seen = observed([(HOPELESS, HOLDS)], Limits(within=60))
    assert (seen.held, seen.attempts, seen.elapsed) == (False, 1, 0)


def test_checks_that_keep_holding_are_run_for_as_long_as_they_must() -> None:
    seen = observed([(FAILS,), (HOLDS,)], Limits(within=10, stable_for=7, interval=2))
    assert (seen.held, seen.attempts, seen.elapsed, seen.lost_after) == (True, 6, 9, None)


def test_one_attempt_at_which_a_check_no_longer_holds_is_enough() -> None:
    seen = observed([(HOLDS,), (HOLDS,), (FAILS,), (HOLDS,)], Limits(within=60, stable_for=60, interval=2))
    assert (seen.held, seen.attempts, seen.lost_after) == (False, 3, 4)
