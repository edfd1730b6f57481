# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks are made of options, what makes no sense is refused before anything runs, and what was found is told."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_health import ActionModule
from ansible_collections.nix.fleet.plugins.plugin_utils.health.checks import (
    Check,
    Context,
    Finding,
    FromController,
    HealthError,
    Request,
    Response,
    checks_of,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.health.observation import Limits, Observation, failure, observe


def nobody(_request: Request) -> Response:
    raise AssertionError("nothing is to be fetched")


def check(*, check_mode: bool = False, **given: t.Any) -> Check:
    options = {
        name: spec.get("default") for name, spec in ActionModule.argument_spec["checks"]["options"].items()
    } | given
    (made,) = checks_of([options], Context(lambda: "192.0.2.7", nobody, check_mode))
    return made


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({}, "check 1 is to have exactly one of units, http, port, command; it has none of them"),
        ({"port": 1, "command": "true"}, "it has port and command"),
        ({"port": 1, "status": [200]}, "check 1 is one of port, which takes no status"),
        ({"command": "true", "timeout": 0}, "its timeout of 0 s leaves no time for it"),
        ({"port": 0}, "0 is not a TCP port"),
        ({"port": 65536}, "65536 is not a TCP port"),
        ({"port": 1, "host": ""}, "host is empty"),
        ({"units": []}, "units is empty"),
        ({"units": ["all", "nginx"]}, "units is either 'all' or a list of names"),
        ({"units": ["--now"]}, "'--now' is not the name of a unit"),
        ({"units": ["a b"]}, "'a b' is not the name of a unit"),
        ({"units": ["nginx"], "except": ["x"]}, "except goes with units: all"),
        ({"command": "  "}, "command is empty"),
        ({"command": []}, "command is empty"),
        ({"command": True}, "what YAML takes for another value is to be quoted"),
        ({"command": ["kill", {"a": 1}]}, "a list of words"),
        ({"command": "a\0b"}, "null character"),
        ({"command": "true", "rc": [300]}, "rc 300 is not an exit code"),
        ({"http": "example.org"}, "not one of a web server"),
        ({"http": "file:///etc/passwd"}, "not one of a web server"),
        ({"http": "http://"}, "not one of a web server"),
        ({"http": "http://example.org:99999/"}, "is not valid"),
        ({"http": "http://example.org/a b"}, "white space"),
        ({"http": "http://example.org/\nurl = x"}, "white space"),
        ({"http": "http://a/", "status": [20]}, "20 is not a status of HTTP"),
        ({"http": "http://a/", "status": []}, "status is empty"),
        ({"http": "http://a/", "headers": {"a: b": "c"}}, "'a: b' is not the name of a header"),
        ({"http": "http://a/", "headers": {"a": "c\r\nX: y"}}, "the header a has a line break in it"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(given: dict[str, t.Any], cause: str) -> None:
    with pytest.raises(HealthError, match="check 1") as refused:
        check(**given)
    assert cause in refused.value.cause
    assert "none of them has been made" in str(refused.value)


def test_a_password_is_not_told_when_its_url_is_refused() -> None:
    with pytest.raises(HealthError) as refused:
        check(http="ftp://pat:secret@example.org/")
    assert "secret" not in str(refused.value)


def test_check_mode_runs_no_command() -> None:
    made = check(check_mode=True, command="reboot")
    assert isinstance(made, FromController)
    assert made.run().held is None


HOLDS = Finding(True, "well")
PAGE, QUEUE = (FromController(name, 10, lambda: HOLDS) for name in ("the page", "the queue"))
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
