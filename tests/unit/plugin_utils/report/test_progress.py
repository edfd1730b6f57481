# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts send of themselves on the pipe."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.report.progress import (
    LONGEST_TEXT,
    Progress,
    ProgressPipe,
    has_reader,
    send,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "progress"


def test_what_is_said_is_heard_in_its_order(path: Path) -> None:
    pipe = ProgressPipe(path)
    words = [Progress("web", "building 3/12 linux-6.12"), Progress("größe", "waiting", 30.0)]
    for word in words:
        send(path, word)
    assert pipe.read() == words
    assert pipe.read() == []


def test_nobody_waits_for_a_listener_that_is_not_there(path: Path) -> None:
    assert not has_reader(path)
    send(path, Progress("web", "copying"))
    assert not path.exists()


def test_nobody_waits_for_a_listener_that_does_not_keep_up(path: Path) -> None:
    pipe = ProgressPipe(path)
    for count in range(20_000):
        send(path, Progress("web", f"copying {count}"))
    heard = pipe.read()
    assert heard[0] == Progress("web", "copying 0")
    assert 0 < len(heard) < 20_000


def test_after_the_end_of_the_listener_nobody_is_asked_to_say_anything(path: Path) -> None:
    pipe = ProgressPipe(path)
    assert has_reader(path)
    pipe.close()
    assert not has_reader(path)


def test_what_a_machine_says_is_kept_short_and_gives_no_orders(path: Path) -> None:
    pipe = ProgressPipe(path)
    send(path, Progress("web", "\x1b[2J" + "x" * 1000))
    assert pipe.read() == [Progress("web", "x" * LONGEST_TEXT)]


def test_what_makes_no_sense_is_passed_over(path: Path) -> None:
    pipe = ProgressPipe(path)
    with path.open("w") as writer:
        writer.write('no json\n["one"]\n{}\n["web", "copying", null, ""]\n')
    assert pipe.read() == [Progress("web", "copying")]


def test_the_pipe_is_for_its_owner_alone(path: Path) -> None:
    ProgressPipe(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
