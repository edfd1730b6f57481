# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lost connection costs time, and never the result."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Origin, Request
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed, ConnectionLostError
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from ...errors import fails_with

REQUEST = Request(
    id="20260131T120000Z-5f2b9c04",
    platform=platforms()["nixos"],
    origin=Origin("alice", "laptop"),
    closure="/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-new",
    activation_timeout=100,
)


@dataclasses.dataclass
class Line:
    """A connection that breaks some times before it answers; each attempt takes a minute."""

    breaks: int
    answer: str = "outcome=activated"
    scripts: list[str] = dataclasses.field(default_factory=list)
    renewed: int = 0
    now: float = 0.0

    def run(self, script: str) -> Completed:
        self.now += 60
        self.scripts.append(script)
        if len(self.scripts) <= self.breaks:
            raise ConnectionLostError("closed by remote host")
        return Completed(("sh",), 0, self.answer, "")

    def renew(self) -> None:
        self.renewed += 1

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock(self) -> float:
        return self.now


def test_an_answer_at_once_is_one_round_trip() -> None:
    line = Line(breaks=0)
    assert deploy(line, REQUEST).outcome == "activated"
    assert (len(line.scripts), line.renewed) == (1, 0)


def test_after_a_break_the_same_script_goes_over_a_new_connection() -> None:
    line = Line(breaks=2)
    said: list[str] = []
    assert deploy(line, REQUEST, say=said.append, sleep=line.sleep, clock=line.clock).outcome == "activated"
    assert (len(set(line.scripts)), len(line.scripts), line.renewed) == (1, 3, 2)
    assert ["goes on on the target" in text for text in said] == [True]


def test_a_machine_that_stays_away_is_given_up_after_its_deployment_must_have_ended() -> None:
    line = Line(breaks=1000)
    with fails_with("activation.unreachable") as raised:
        deploy(line, REQUEST, sleep=line.sleep, clock=line.clock)
    assert line.now > 2 * REQUEST.activation_timeout
    assert raised.value.details["outcome"] == "unknown"
    assert REQUEST.id in (raised.value.advice or "")


@pytest.mark.parametrize("answer", ["", "outcome=unknown\nlog=strange", "Killed"])
def test_an_answer_without_an_outcome_is_an_error_with_what_was_said(answer: str) -> None:
    with fails_with("activation.no_answer") as raised:
        deploy(Line(breaks=0, answer=answer), REQUEST)
    assert raised.value.details["outcome"] == "unknown"
    assert raised.value.log in ("", "strange", "Killed")
