# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts do at the moment, on its way from their processes to whoever draws it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.report.channel import (
    LONGEST_TEXT,
    Listener,
    Word,
    say,
    somebody_listens,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "progress"


def test_what_is_said_is_heard_in_its_order(path: Path) -> None:
    listener = Listener(path)
    words = [Word("web", "building 3/12 linux-6.12"), Word("größe", "waiting", 30.0)]
    for word in words:
        say(path, word)
    assert listener.hear() == words
    assert listener.hear() == []


def test_another_process_is_heard(path: Path) -> None:
    listener = Listener(path)
    child = os.fork()
    if child == 0:
        say(path, Word("web", "copying"))
        os._exit(0)
    os.waitpid(child, 0)
    assert listener.hear() == [Word("web", "copying")]


def test_nobody_waits_for_a_listener_that_is_not_there(path: Path) -> None:
    assert not somebody_listens(path)
    say(path, Word("web", "copying"))
    assert not path.exists()


def test_nobody_waits_for_a_listener_that_does_not_keep_up(path: Path) -> None:
    listener = Listener(path)
    for count in range(20_000):
        say(path, Word("web", f"copying {count}"))
    heard = listener.hear()
    assert heard[0] == Word("web", "copying 0")
    assert 0 < len(heard) < 20_000


def test_after_the_end_of_the_listener_nobody_is_asked_to_say_anything(path: Path) -> None:
    listener = Listener(path)
    assert somebody_listens(path)
    listener.close()
    assert not somebody_listens(path)


def test_what_a_machine_says_is_kept_short_and_gives_no_orders(path: Path) -> None:
    listener = Listener(path)
    say(path, Word("web", "\x1b[2J" + "x" * 1000))
    assert listener.hear() == [Word("web", "x" * LONGEST_TEXT)]


def test_what_makes_no_sense_is_passed_over(path: Path) -> None:
    listener = Listener(path)
    with path.open("w") as pipe:
        pipe.write('no json\n["one"]\n{}\n["web", "copying", null]\n')
    assert listener.hear() == [Word("web", "copying")]


def test_the_pipe_is_for_its_owner_alone(path: Path) -> None:
    Listener(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
