# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that goes away is noticed, and one that is merely slow is left alone."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Sequence

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.keepalive import Keepalive, Watchdog
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.ssh import LinkLostError, LocalLink
from ansible_collections.nix.fleet.plugins.plugin_utils.target.programs import END_OF_PROGRAM

# What comes first on standard input, the program that this one is in place of.
SKIP = f"while IFS= read -r line && [ \"$line\" != '{END_OF_PROGRAM}' ]; do :; done; "


class Line(LocalLink):
    """A link to this machine that can be silent, and remembers that it was given up."""

    def __init__(self, program: str | None = None) -> None:
        super().__init__("vps-1")
        self.dropped = False
        self._program = program

    def command(self, argv: Sequence[str]) -> list[str]:
        return ["sh", "-c", f"{SKIP}{self._program}"] if self._program else list(argv)

    def drop(self) -> None:
        self.dropped = True


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_keepalives_go_both_ways(tmp_path: pathlib.Path) -> None:
    line = Line()
    with Keepalive(line, str(tmp_path), timeout=1) as keepalive:
        assert wait_for((tmp_path / "alive").exists)
        (tmp_path / "alive").unlink()
        assert wait_for((tmp_path / "alive").exists)
        keepalive.check()
    assert not line.dropped


def test_keepalives_that_cannot_be_written_do_not_end_the_session(tmp_path: pathlib.Path) -> None:
    line = Line()
    with Keepalive(line, str(tmp_path / "gone"), timeout=2) as keepalive:
        time.sleep(1.5)
        keepalive.check()
    assert not line.dropped


def test_without_a_private_daemon_nothing_is_written(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Keepalive(Line(), None, timeout=1) as keepalive:
        time.sleep(0.6)
        keepalive.check()
    assert not list(tmp_path.iterdir())


def asked(line: Line, directory: pathlib.Path | None, timeout: float = 60) -> Keepalive:
    """Ask at the end of a copy, and return the keepalive when it is over."""
    with Keepalive(line, None if directory is None else str(directory), timeout) as keepalive:
        keepalive.ask()
    return keepalive


def test_a_machine_without_a_private_daemon_is_not_asked_and_a_yes_of_it_counts_for_nothing() -> None:
    assert not asked(Line("echo nix.fleet: the closure is complete; exec cat"), None).is_complete()


def test_a_private_daemon_that_nobody_can_ask_is_told_that_it_is_over(tmp_path: pathlib.Path) -> None:
    directory = tmp_path / "keepalive"
    directory.mkdir()
    line = Line()
    assert not asked(line, directory).is_complete()
    assert (directory / "end").exists()
    assert not line.dropped


def test_a_yes_counts_and_a_session_that_ends_after_it_is_none_that_was_lost(tmp_path: pathlib.Path) -> None:
    line = Line("read -r question; printf 'nix.fleet: the clo'; sleep 0.2; echo 'sure is complete'")
    assert asked(line, tmp_path).is_complete()
    assert not line.dropped


def test_a_session_that_ends_before_it_answers_is_a_lost_one(tmp_path: pathlib.Path) -> None:
    keepalive = asked(Line("read -r question"), tmp_path)
    with pytest.raises(LinkLostError, match="the session has ended"):
        keepalive.is_complete()


def test_a_machine_that_falls_silent_before_it_answers_is_given_up_in_time(tmp_path: pathlib.Path) -> None:
    keepalive = asked(Line("read -r question; exec sleep 60"), tmp_path, timeout=0.4)
    with pytest.raises(LinkLostError, match="no keepalive"):
        keepalive.is_complete()


def test_a_silent_machine_is_given_up_in_time() -> None:
    line = Line("exec sleep 60")
    with Keepalive(line, None, timeout=0.4) as keepalive:
        assert wait_for(lambda: line.dropped)
        with pytest.raises(LinkLostError, match=r"vps-1: no keepalive for 0\.4 s"):
            keepalive.check()


def test_a_session_that_ends_is_noticed_at_once() -> None:
    line = Line("echo; sleep 0.1")
    with Keepalive(line, None, timeout=60) as keepalive:
        assert wait_for(lambda: line.dropped)
        with pytest.raises(LinkLostError, match="the session has ended"):
            keepalive.check()


def test_a_watchdog_that_is_over_gives_nothing_up() -> None:
    line = Line()
    with Watchdog(line, 0.1) as watchdog:
        watchdog.alive()
    time.sleep(0.3)
    watchdog.give_up("late")
    assert watchdog.lost is None
    assert not line.dropped
