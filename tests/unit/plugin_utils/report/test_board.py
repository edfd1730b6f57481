# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is at work, with what, and how it stands with the others."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.report.board import BRIEF_SECONDS, Board
from ansible_collections.nix.fleet.plugins.plugin_utils.report.channel import Word

LATER = BRIEF_SECONDS + 1


@pytest.fixture
def board() -> Board:
    board = Board()
    board.play(["web", "db"])
    return board


def sentences(board: Board, now: float) -> dict[str, str]:
    return {work.host: work.sentence(now) for work in board.working(now)}


def test_a_host_at_work_does_what_it_said_last(board: Board) -> None:
    board.begin("web", "building", at=0)
    assert sentences(board, 0) == {"web": "building"}
    board.hear([Word("web", "building 1/2 a"), Word("web", "building 2/2 b")], at=1)
    assert sentences(board, 1) == {"web": "building 2/2 b"}


def test_a_host_is_at_work_between_two_tasks(board: Board) -> None:
    board.begin("web", "building", at=0)
    board.end("web", at=4)
    assert sentences(board, 4.1) == {"web": "building"}
    assert sentences(board, 4 + LATER) == {}


def test_what_is_over_at_once_is_not_shown(board: Board) -> None:
    board.begin("web", "building", at=0)
    board.end("web", at=4)
    board.begin("web", "bringing keys", at=5)
    assert sentences(board, 5) == {"web": "building"}
    assert sentences(board, 5 + LATER) == {"web": "bringing keys"}


def test_what_had_nothing_to_do_for_a_host_is_not_what_it_did(board: Board) -> None:
    board.begin("web", "building", at=0)
    board.end("web", at=4)
    board.begin("web", "bringing keys", at=5)
    board.skip("web", at=5)
    board.begin("web", "activating", at=6)
    assert sentences(board, 6) == {"web": "building"}


def test_the_time_until_a_machine_goes_back_is_counted_down(board: Board) -> None:
    board.begin("web", "activating", at=0)
    board.hear([Word("web", "waiting for confirmation", 30)], at=1)
    assert sentences(board, 4) == {"web": "waiting for confirmation, 27 s left"}
    board.end("web", at=4, awaits=True)
    board.begin("web", "checking", at=5)
    assert sentences(board, 5 + LATER) == {"web": "checking, 24 s left"}
    board.end("web", at=4)
    board.begin("web", "rebooting", at=9)
    assert sentences(board, 9 + LATER) == {"web": "rebooting"}


def test_who_is_settled_stays_so_until_a_task_takes_its_time(board: Board) -> None:
    board.begin("web", "activating", at=0)
    board.end("web", at=4)
    board.settle("web", "confirmed")
    board.begin("web", "rebooting", at=5)
    assert board.counts(5, 5) == "2 hosts: 1 confirmed, 1 waiting (5.0 s)"
    assert board.counts(5 + LATER, 7) == "2 hosts: 1 at work, 1 waiting (7.0 s)"


def test_a_task_that_had_nothing_to_do_leaves_a_host_settled(board: Board) -> None:
    board.begin("web", "activating", at=0)
    board.end("web", at=4)
    board.settle("web", "confirmed")
    board.begin("web", "bringing keys", at=5)
    board.skip("web", at=9)
    assert board.counts(9, 9) == "2 hosts: 1 confirmed, 1 waiting (9.0 s)"


def test_nothing_is_drawn_while_somebody_has_to_type(board: Board) -> None:
    assert not board.is_busy()
    board.begin("web", "building", at=0)
    assert board.is_busy()
    board.begin("db", "Ask", at=0, asks=True)
    assert not board.is_busy()


def test_the_next_batch_leaves_the_hosts_of_the_last_one_as_they_are(board: Board) -> None:
    board.begin("web", "activating", at=0)
    board.end("web", at=4)
    board.settle("web", "confirmed")
    board.play(["web", "db"])
    assert board.counts(9, 9) == "2 hosts: 1 confirmed, 1 waiting (9.0 s)"
    assert board.unsettled == []
