# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of who is at work, as large as the terminal allows."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ansible_collections.nix.fleet.plugins.plugin_utils.report.progress import Board
from ansible_collections.nix.fleet.plugins.plugin_utils.report.terminal import picture


def drawn(board: Board, *, width: int = 80, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, soft_wrap=True, color_system=None)
    with console.capture() as capture:
        console.print(picture(board, now=60, seconds=60, height=height))
    return capture.get().splitlines()


def fleet(count: int) -> Board:
    board = Board()
    hosts = [f"web-{number}" for number in range(count)]
    board.play(hosts)
    for at, host in enumerate(hosts):
        board.begin(host, "building", at=at / 100)
    return board


def test_each_host_at_work_has_a_line_and_all_have_one() -> None:
    *hosts, last = drawn(fleet(2))
    assert [line.split() for line in hosts] == [
        ["web-0", "building", "1", "min", "00", "s"],
        ["web-1", "building", "1", "min", "00", "s"],
    ]
    assert last.strip() == "2 hosts: 2 at work (1 min 00 s)"


@pytest.mark.parametrize("height", [5, 24, 60])
def test_two_hundred_hosts_fit_any_terminal(height: int) -> None:
    lines = drawn(fleet(200), height=height)
    assert len(lines) < height
    shown = sum(line.startswith("  web-") for line in lines)
    assert f"{200 - shown} more at work" in lines[-2]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    board = Board()
    board.play(["a-name-that-is-longer-than-most-names-are.example.org"])
    board.begin("a-name-that-is-longer-than-most-names-are.example.org", "building " + "x" * 300, at=0)
    assert all(len(line) <= width for line in drawn(board, width=width))


def test_what_a_machine_says_gives_the_terminal_no_orders() -> None:
    board = Board()
    board.play(["web"])
    board.begin("web", "[bold]\x1b[2J\x07", at=0)
    assert "[bold]\\x07" in drawn(board)[0]
