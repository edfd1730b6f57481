# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts send of themselves on the pipe, and the board that collects it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.report.progress import (
    BRIEF_SECONDS,
    LONGEST_TEXT,
    Board,
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


LATER = BRIEF_SECONDS + 1


@pytest.fixture
def board() -> Board:
    board = Board()
    board.play(["web", "db"])
    return board


def sentences(board: Board, now: float) -> dict[str, str]:
    return {work.host: work.text(now) for work in board.working(now)}


def test_a_host_at_work_does_what_it_said_last(board: Board) -> None:
    board.begin("web", "building", at=0)
    assert sentences(board, 0) == {"web": "building"}
    board.update([Progress("web", "building 1/2 a"), Progress("web", "building 2/2 b")], at=1)
    assert sentences(board, 1) == {"web": "building 2/2 b"}


def test_a_host_is_at_work_between_two_tasks(board: Board) -> None:
    board.begin("web", "building", at=0)
    board.end("web", at=4)
    assert sentences(board, 4.1) == {"web": "building"}
    assert sentences(board, 4 + LATER) == {}


def test_the_time_until_a_machine_goes_back_is_counted_down(board: Board) -> None:
    board.begin("web", "activating", at=0)
    board.update([Progress("web", "waiting for confirmation", 30)], at=1)
    assert sentences(board, 4) == {"web": "waiting for confirmation, 27 s left"}
    assert "goes back by itself" in sentences(board, 40)["web"]
    assert "has not said" in sentences(board, 100)["web"]
    board.end("web", at=4, awaits=True)
    board.begin("web", "checking", at=5)
    assert sentences(board, 5 + LATER) == {"web": "checking, 24 s left"}
    board.end("web", at=4)
    board.begin("web", "rebooting", at=9)
    assert sentences(board, 9 + LATER) == {"web": "rebooting"}


def test_who_is_done_stays_so_until_a_task_takes_its_time(board: Board) -> None:
    board.begin("web", "activating", at=0)
    board.end("web", at=4)
    board.finish("web", "confirmed")
    board.begin("web", "rebooting", at=5)
    assert board.counts(5, 5) == "2 hosts: 1 confirmed, 1 waiting (5.0 s)"
    assert board.counts(5 + LATER, 7) == "2 hosts: 1 at work, 1 waiting (7.0 s)"


def test_nothing_is_drawn_while_somebody_has_to_type(board: Board) -> None:
    assert not board.is_busy()
    board.begin("web", "building", at=0)
    assert board.is_busy()
    board.begin("db", "Ask", at=0, asks=True)
    assert not board.is_busy()
