# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reboot is over when the machine is up in another boot on the right system, and never waited for without end."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Origin
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import RebootError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed, ConnectionLostError
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms
from ansible_collections.nix.fleet.plugins.plugin_utils.reboot.reboot import Reboot, Request, reboot

OLD = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-old"
NEW = "/nix/store/1123456789abcdfghijklmnpqrsvwxyz-nixos-new"
FIRST, SECOND = "00000000-aaaa", "00000000-bbbb"

CURRENT = f"boot_id={FIRST}\nrunning={OLD}\ndefault={NEW}\nexpected={NEW}\n"
ASKED = f"{CURRENT}reason=kernel\noutcome=asked\n"
STILL_THERE = f"boot_id={FIRST}\nrunning={OLD}\nunfinished=systemd is stopping\n"
STARTING = f"boot_id={SECOND}\nrunning={NEW}\nbooted={NEW}\nunfinished=systemd is starting\n"
BACK = f"boot_id={SECOND}\nrunning={NEW}\nbooted={NEW}\nunfinished=\n"
AWAY = ConnectionLostError("No route to host")


@dataclasses.dataclass
class Machine:
    """A machine that says these things one after the other, and the last one for ever; each takes a second."""

    answers: list[str | Exception]
    scripts: list[str] = dataclasses.field(default_factory=list)
    renewed: int = 0
    now: float = 0.0

    def run(self, script: str) -> Completed:
        self.scripts.append(script)
        self.now += 1
        answer: t.Any = self.answers[min(len(self.scripts), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer  # pylint: disable=raising-bad-type
        return Completed(("sh",), 0, answer, "")

    def renew(self) -> None:
        self.renewed += 1

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def request(**fields: t.Any) -> Request:
    return Request(
        **{
            "id": "reboot-1",
            "platform": platforms()["nixos"],
            "origin": Origin("alice", "laptop"),
            "timeout": 60,
            **fields,
        }
    )


def rebooted(*answers: str | Exception, **fields: t.Any) -> Reboot:
    machine = Machine(list(answers))
    return reboot(machine, machine, request(**fields), sleep=machine.sleep, clock=lambda: machine.now)


def failure(*answers: str | Exception, **fields: t.Any) -> RebootError:
    with pytest.raises(RebootError) as raised:
        rebooted(*answers, **fields)
    return raised.value


def test_what_is_not_required_is_one_round_trip() -> None:
    machine = Machine([CURRENT])
    done = reboot(machine, machine, request(), sleep=machine.sleep, clock=lambda: machine.now)
    assert (len(machine.scripts), done.seen, done.to_result()["rebooted"]) == (1, None, False)


def test_a_machine_is_back_when_it_is_up_in_another_boot() -> None:
    result = rebooted(ASKED, STILL_THERE, AWAY, AWAY, STARTING, BACK).to_result()
    assert (result["rebooted"], result["running"], result["reasons"]) == (True, NEW, ["kernel"])
    assert result["boot_id"] == {"before": FIRST, "after": SECOND}
    # Each look but the first answer comes after a pause of a second, and takes one.
    assert result["seconds"] == 11.0


def test_a_request_whose_answer_was_lost_is_sent_again_as_it_was() -> None:
    link, fresh = Machine([AWAY, AWAY, ASKED]), Machine([BACK])
    assert reboot(link, fresh, request(), sleep=link.sleep, clock=lambda: link.now).to_result()["rebooted"]
    assert (len(link.scripts), len(set(link.scripts))) == (3, 1)


@pytest.mark.parametrize(
    ("last", "words", "after"),
    [
        (AWAY, "it cannot be reached: No route to host", None),
        (STILL_THERE, "it answers, and has not rebooted (systemd is stopping)", FIRST),
        (STARTING, "it has rebooted, and is not up yet: systemd is starting", SECOND),
        ("Killed", "does not say which boot it is in", None),
    ],
)
def test_a_machine_that_is_not_back_in_time_fails_with_what_was_seen(
    last: str | Exception, words: str, after: str | None
) -> None:
    error = failure(ASKED, last)
    assert error.code == "reboot.timeout"
    assert words in error.cause
    assert (error.details["changed"], error.details["boot_id"]["after"]) == (True, after)


def test_a_machine_on_another_system_fails_and_both_are_named() -> None:
    error = failure(ASKED, BACK.replace(NEW, OLD))
    assert error.code == "reboot.other_system"
    assert OLD in error.cause
    assert NEW in error.cause
    assert (error.details["changed"], error.details["rebooted"]) == (True, True)


def test_a_refusal_changes_nothing() -> None:
    error = failure(f"{CURRENT}outcome=refused\ncause=a deployment is running\nadvice=wait\n")
    assert (error.cause, error.advice, error.details["rebooted"]) == ("a deployment is running", "wait", False)
    assert "changed" not in error.details


def test_a_command_that_does_not_reboot_is_not_waited_for() -> None:
    error = failure(ASKED, f"{STILL_THERE}failed=the command that reboots it ended with exit code 1: no bus\n")
    assert (error.code, error.details["rebooted"]) == ("reboot.not_rebooted", False)


def test_nonsense_for_an_answer_is_an_error() -> None:
    assert failure("\x00\x01 boot_id=$(id)").code == "reboot.no_answer"


@pytest.mark.parametrize(
    "fields",
    [
        {"when": "always", "platform": platforms()["home-manager"]},
        {"when": "always", "platform": platforms()["nix-on-droid"]},
        {"when": "always", "platform": platforms()["custom"]},
        {"timeout": 0},
        {"delay": -1},
        {"closure": "/nix/store/../etc"},
        {"profile": "x"},
        {"profile": "/x\x1b"},
    ],
)
def test_what_no_machine_should_be_asked_never_reaches_one(fields: dict[str, t.Any]) -> None:
    with pytest.raises(RebootError):
        request(**fields)
