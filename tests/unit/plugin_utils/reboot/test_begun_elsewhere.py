# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine reboots when its answer says so, and otherwise not: whoever is cut off, comes late or has planted something."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.reboot.reboot import Asked, parse_state, state_script

from ..activation.supervisor.nixos import wait_for
from .test_scripts import Rebooting, machine, request

__all__ = ["machine"]

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@as_root
@pytest.mark.parametrize("place", [".", "runs", "runs/20260101T000000Z-00000000"])
def test_a_directory_of_another_users_is_refused(machine: Rebooting, place: str) -> None:
    theirs = machine.state / place
    theirs.mkdir(parents=True)
    os.chown(theirs, NOBODY, NOBODY)
    assert "belongs to another user" in (machine.ask(when="always").refused or "")
    assert machine.asked_to_reboot == []
    assert not (machine.state / "runs/reboot-1").exists()


@as_root
def test_an_answer_of_another_users_is_not_given(machine: Rebooting) -> None:
    planted = machine.state / "runs/reboot-1"
    planted.mkdir(parents=True)
    (planted / "answer").write_text("boot_id=00000000-false\n")
    (planted / "decision").symlink_to("asked")
    os.chown(planted, NOBODY, NOBODY)
    answer = machine.ask(when="always")
    assert (answer.reboots, "belongs to another user" in (answer.refused or "")) == (False, True)


def test_what_starts_when_its_start_is_no_longer_waited_for_reboots_nothing(machine: Rebooting) -> None:
    decision = machine.state / "runs/reboot-1/decision"
    machine.replace_tool("setsid", f'ln -s "it was too late" "{decision}"; exec {{setsid}} "$@"')
    assert machine.ask(when="always").refused == "it was too late"
    wait_for((decision.parent / "begun").exists)
    wait_for(lambda: not (machine.live / "lock").is_symlink())
    assert machine.asked_to_reboot == []


def test_what_is_ended_before_it_had_the_machine_reboot_says_so(machine: Rebooting) -> None:
    assert machine.ask(when="always", delay=600).reboots
    run = machine.state / "runs/reboot-1"
    os.kill(int((machine.live / "lock").readlink().as_posix().partition("pid=")[2].split()[0]), signal.SIGKILL)
    wait_for((run / "failed").exists)
    wait_for(lambda: not (machine.live / "lock").is_symlink())
    seen = parse_state(machine.run(state_script(request(), "00000000-first")).stdout)
    assert seen.failed == "what was to reboot the machine was ended before it did"
    assert machine.asked_to_reboot == []


def test_a_request_that_finds_itself_half_written_waits_for_the_rest(machine: Rebooting) -> None:
    answers: list[Asked] = []
    run = machine.state / "runs/reboot-1"
    run.mkdir(parents=True)
    second = threading.Thread(target=lambda: answers.append(machine.ask(when="always")))
    second.start()
    (run / "answer").write_text("boot_id=00000000-first\n")
    (run / "decision").symlink_to("asked")
    second.join()
    assert [(answer.boot_id, answer.reboots) for answer in answers] == [("00000000-first", True)]
