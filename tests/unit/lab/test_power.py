# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How PID 1 ended says whether a host starts again."""

from __future__ import annotations

import signal

import pytest

from ansible_collections.nix.fleet.tests.lab.rehearsal.supervisor import comes_back, describe_ending


def ended_by(number: signal.Signals) -> int:
    return int(number)


def ended_with(exit_code: int) -> int:
    return exit_code << 8


def test_a_reboot_and_a_lost_power_supply_start_again() -> None:
    assert comes_back(ended_by(signal.SIGHUP))
    assert comes_back(ended_by(signal.SIGKILL))


def test_a_power_off_and_an_init_that_gave_up_do_not() -> None:
    assert not comes_back(ended_by(signal.SIGINT))
    assert not comes_back(ended_with(70))
    assert not comes_back(ended_with(0))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (ended_by(signal.SIGHUP), "reboot"),
        (ended_by(signal.SIGINT), "power off"),
        (ended_by(signal.SIGKILL), "killed"),
        (ended_by(signal.SIGSEGV), "init was ended by signal 11"),
        (ended_with(3), "init ended with exit code 3"),
    ],
)
def test_an_ending_is_told_in_words(status: int, words: str) -> None:
    assert describe_ending(status) == words
