# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that goes away is noticed, and one that is merely slow is left alone."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Sequence

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.link import LinkLostError
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.local_link import LocalLink
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.pulse import PULSE, Pulse
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.source import BEATING
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.watch import Watch


class Line(LocalLink):
    """A link to this machine that can be silent, and remembers that it was given up."""

    def __init__(self, program: str | None = None) -> None:
        super().__init__("vps-1")
        self.dropped = False
        self._program = program

    def command(self, argv: Sequence[str]) -> list[str]:
        return ["sh", "-c", self._program] if self._program else list(argv)

    def drop(self) -> None:
        self.dropped = True


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_signs_of_life_go_both_ways(tmp_path: pathlib.Path) -> None:
    line = Line()
    with Pulse(line, str(tmp_path), timeout=1) as pulse:
        assert wait_for((tmp_path / "beat").exists)
        (tmp_path / "beat").unlink()
        assert wait_for((tmp_path / "beat").exists)
        pulse.check()
    assert not line.dropped


def test_at_the_end_the_private_daemon_is_told_so(tmp_path: pathlib.Path) -> None:
    with Pulse(Line(), str(tmp_path), timeout=60):
        assert not (tmp_path / "end").exists()
    assert (tmp_path / "end").exists()


def test_signs_of_life_that_cannot_be_written_do_not_end_the_pulse(tmp_path: pathlib.Path) -> None:
    line = Line()
    with Pulse(line, str(tmp_path / "gone"), timeout=2) as pulse:
        time.sleep(1.5)
        pulse.check()
    assert not line.dropped


def test_what_passes_through_a_login_shell_is_one_line() -> None:
    assert "\n" not in PULSE
    assert "\n" not in BEATING


def test_without_a_private_daemon_nothing_is_written(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Pulse(Line(), None, timeout=1) as pulse:
        time.sleep(0.6)
        pulse.check()
    assert not list(tmp_path.iterdir())


def asked(line: Line, signs: pathlib.Path | None, timeout: float = 60) -> Pulse:
    """Ask at the end of a copy, and return the pulse when it is over."""
    with Pulse(line, None if signs is None else str(signs), timeout) as pulse:
        pulse.ask()
    return pulse


def test_a_machine_without_a_private_daemon_is_not_asked_and_a_yes_of_it_counts_for_nothing() -> None:
    assert not asked(Line("echo all of it is kept; exec cat"), None).kept()


def test_a_private_daemon_that_nobody_can_ask_is_told_that_it_is_over(tmp_path: pathlib.Path) -> None:
    signs = tmp_path / "signs"
    signs.mkdir()
    line = Line()
    assert not asked(line, signs).kept()
    assert (signs / "end").exists()
    assert not line.dropped


def test_a_yes_counts_and_a_session_that_ends_after_it_is_none_that_was_lost(tmp_path: pathlib.Path) -> None:
    line = Line("read -r question; printf 'all of it'; sleep 0.2; echo ' is kept'")
    assert asked(line, tmp_path).kept()
    assert not line.dropped


def test_a_session_that_ends_before_it_answers_is_a_lost_one(tmp_path: pathlib.Path) -> None:
    pulse = asked(Line("read -r question"), tmp_path)
    with pytest.raises(LinkLostError, match="the session has ended"):
        pulse.kept()


def test_a_machine_that_falls_silent_before_it_answers_is_given_up_in_time(tmp_path: pathlib.Path) -> None:
    pulse = asked(Line("read -r question; exec sleep 60"), tmp_path, timeout=0.4)
    with pytest.raises(LinkLostError, match="no sign of life"):
        pulse.kept()


def test_a_silent_machine_is_given_up_in_time() -> None:
    line = Line("exec sleep 60")
    with Pulse(line, None, timeout=0.4) as pulse:
        assert wait_for(lambda: line.dropped)
        with pytest.raises(LinkLostError, match=r"vps-1: no sign of life for 0\.4 s"):
            pulse.check()


def test_a_session_that_ends_is_noticed_at_once() -> None:
    line = Line("echo; sleep 0.1")
    with Pulse(line, None, timeout=60) as pulse:
        assert wait_for(lambda: line.dropped)
        with pytest.raises(LinkLostError, match="the session has ended"):
            pulse.check()


def test_a_watch_that_is_over_gives_nothing_up() -> None:
    line = Line()
    with Watch(line, 0.1) as watch:
        watch.seen()
    time.sleep(0.3)
    watch.give_up("late")
    assert watch.lost is None
    assert not line.dropped
