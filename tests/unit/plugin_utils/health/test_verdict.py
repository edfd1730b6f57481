# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person and a playbook are told of a host's checks."""

from __future__ import annotations

from ansible_collections.nix.fleet.plugins.plugin_utils.health.check import Finding
from ansible_collections.nix.fleet.plugins.plugin_utils.health.command import CommandCheck
from ansible_collections.nix.fleet.plugins.plugin_utils.health.verdict import failure, result, sentence
from ansible_collections.nix.fleet.plugins.plugin_utils.health.watch import Observation

PAGE = CommandCheck("the page", 10, ("true",))
QUEUE = CommandCheck("the queue", 10, ("true",))
HOLDS = Finding(True, "well")
FAILS = Finding(False, "exit code 1 instead of 0", "no \x1b[2Jbroker\n")
UNSEEN = Finding(None, "not run in check mode")


def observation(*findings: Finding, lost_after: float | None = None) -> Observation:
    return Observation(findings, (1.0,) * len(findings), looks=2, elapsed=10.2, lost_after=lost_after)


def test_a_failure_names_each_check_that_does_not_hold_and_why() -> None:
    error = failure([PAGE, QUEUE], observation(HOLDS, FAILS))
    assert error.headline == "health: 1 of 2 checks does not hold after 10 s: the queue: exit code 1 instead of 0"
    assert failure([PAGE, QUEUE], observation(FAILS, FAILS)).cause.startswith("2 of 2 checks do not hold after 10 s: ")
    assert failure([PAGE], observation(FAILS)).cause.startswith("the check does not hold after 10 s: the page: ")


def test_a_check_that_held_and_does_no_more_is_told_from_one_that_never_did() -> None:
    error = failure([PAGE, QUEUE], observation(FAILS, HOLDS, lost_after=31))
    assert error.cause.startswith("1 of 2 checks held and does no more, after 31 s: the page: ")


def test_what_a_failed_check_printed_is_shown_and_cannot_command_a_terminal() -> None:
    error = failure([PAGE, QUEUE], observation(HOLDS, FAILS))
    assert error.log == "the queue:\nno broker"
    assert error.to_result()["checks"][1]["output"] == "no broker"


def test_every_check_is_in_the_result() -> None:
    assert result([PAGE, QUEUE], observation(HOLDS, UNSEEN))["checks"] == [
        {"name": "the page", "held": True, "text": "well", "seconds": 1.0},
        {"name": "the queue", "held": None, "text": "not run in check mode", "seconds": 1.0},
    ]


def test_success_is_told_in_a_line() -> None:
    assert sentence(observation(HOLDS), 0) == "1 check holds"
    assert sentence(observation(HOLDS, HOLDS), 60) == "2 checks hold, for 60 s"
    assert sentence(observation(HOLDS, UNSEEN), 0) == "1 check holds; 1 check not run in check mode"
    assert sentence(observation(), 0) == "there is nothing to check"
