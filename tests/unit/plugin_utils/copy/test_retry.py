# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a broken connection cut short is done again, so many times and no more."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.link import LinkLostError
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.retry import retried


class Attempts:
    """Fails so many times before it succeeds."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.made = 0
        self.announced: list[str] = []
        self._failures = failures
        self._error = error or LinkLostError("vps-1: gone")

    def __call__(self) -> str:
        self.made += 1
        if self.made <= self._failures:
            raise self._error
        return "done"

    def run(self, retries: int) -> str:
        return retried(self, again=_is_lost_link, retries=retries, delay=0, announce=self.announced.append)


def _is_lost_link(error: Exception) -> bool:
    return isinstance(error, LinkLostError)


def test_an_attempt_that_succeeds_is_the_only_one() -> None:
    attempts = Attempts(0)
    assert (attempts.run(3), attempts.made, attempts.announced) == ("done", 1, [])


def test_a_broken_connection_is_announced_and_tried_again() -> None:
    attempts = Attempts(2)
    assert (attempts.run(3), attempts.made) == ("done", 3)
    assert attempts.announced == ["interrupted (vps-1: gone); trying again in 0 s"] * 2


def test_the_last_failure_is_the_answer() -> None:
    attempts = Attempts(9)
    with pytest.raises(LinkLostError):
        attempts.run(3)
    assert attempts.made == 4


def test_any_other_failure_is_final() -> None:
    attempts = Attempts(9, ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        attempts.run(3)
    assert attempts.made == 1
