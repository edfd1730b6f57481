# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A confirmation gets through over a new connection, or the host is waited for until it has gone back."""

from __future__ import annotations

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import CONFIRMED, confirm, longest_attempt
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed, ConnectionLostError

from ...errors import fails_with

REFUSED = (
    'Data could not be sent to remote host "vps". Make sure this host can be reached over ssh: banner\n'
    "root@vps: Permission denied (publickey)."
)


class Line:
    """A machine that refuses connections, and then answers."""

    def __init__(self, refusals: int, answer: str) -> None:
        self.refusals = refusals
        self.answer = answer
        self.now = 0.0

    def run(self, script: str) -> Completed:
        if self.refusals:
            self.refusals -= 1
            raise ConnectionLostError(REFUSED)
        return Completed(("sh",), 0, self.answer, "")

    def renew(self) -> None:
        pass

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def clock(self) -> float:
        return self.now


def test_why_no_connection_could_be_made_is_part_of_the_cause() -> None:
    line = Line(2, "outcome=rolled_back\ncause=nobody confirmed\n")
    answer = confirm(line, "d1", CONFIRMED, 60, sleep=line.sleep, clock=line.clock)
    assert answer.cause == "nobody confirmed (root@vps: Permission denied (publickey))"


def test_trouble_that_was_overcome_in_time_is_not_mentioned_again() -> None:
    line = Line(2, "outcome=confirmed\n")
    said: list[str] = []
    assert confirm(line, "d1", CONFIRMED, 60, say=said.append, sleep=line.sleep, clock=line.clock).cause == ""
    assert len(said) == 1


def test_a_machine_that_never_answers_again_is_given_up() -> None:
    line = Line(1000, "")
    with fails_with("activation.unreachable") as raised:
        confirm(line, "d1", CONFIRMED, 60, sleep=line.sleep, clock=line.clock)
    assert "connection was lost" not in raised.value.cause
    assert (raised.value.details["outcome"], raised.value.details["id"]) == ("unknown", "d1")


def test_an_attempt_on_a_silent_line_leaves_time_for_another() -> None:
    assert longest_attempt(750) == 375


def test_a_busy_machine_has_some_time_however_short_the_patience() -> None:
    assert longest_attempt(0) == 30


def test_a_line_that_died_without_a_word_is_tried_again_and_the_end_is_bounded() -> None:
    class Silent(Line):
        def run(self, script: str) -> Completed:
            self.now += longest_attempt(200)
            return super().run(script)

    line = Silent(1, "outcome=confirmed\n")
    assert confirm(line, "d1", CONFIRMED, 200, sleep=line.sleep, clock=line.clock).outcome == "confirmed"
    dead = Silent(1000, "")
    with fails_with("activation.unreachable"):
        confirm(dead, "d1", CONFIRMED, 200, sleep=dead.sleep, clock=dead.clock)
    assert dead.now < 2 * 200
