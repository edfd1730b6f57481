# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for one result among many, between processes as the locks are."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.waiting_room import WaitingRoom

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREAMBLE = """
import sys
from pathlib import Path
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.waiting_room import WaitingRoom
room = WaitingRoom(Path(sys.argv[1]))
"""
# Lets go of what it is told.
EVALUATES = (
    "with room.locked() as let_go:\n  print('locked', flush=True)\n  for line in sys.stdin: let_go(line.strip())\n"
)
WAITS = "print('waits', flush=True); room.wait(sys.argv[2]); print('goes on', flush=True)\n"


class Process:
    """A process that evaluates or waits."""

    def __init__(self, program: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PREAMBLE + program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        )
        self.said()

    def said(self) -> str:
        return t.cast("t.IO[str]", self.process.stdout).readline().strip()

    def tell(self, line: str) -> None:
        stdin = t.cast("t.IO[str]", self.process.stdin)
        stdin.write(f"{line}\n")
        stdin.flush()

    def goes_on(self) -> bool:
        try:
            return self.process.wait(10) == 0 and self.said() == "goes on"
        finally:
            self.process.kill()

    def waits(self) -> bool:
        with pytest.raises(subprocess.TimeoutExpired):
            self.process.wait(0.2)
        return True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "room"


@pytest.fixture
def evaluator(path: Path) -> Iterator[Process]:
    evaluator = Process(EVALUATES, str(path))
    yield evaluator
    evaluator.process.kill()
    evaluator.process.wait()


def test_a_host_goes_on_with_its_own_result_and_the_others_wait(path: Path, evaluator: Process) -> None:
    waiting = {name: Process(WAITS, str(path), name) for name in "ab"}
    assert waiting["a"].waits()
    evaluator.tell("a")
    assert waiting["a"].goes_on()
    assert waiting["b"].waits()
    evaluator.tell("b")
    assert waiting["b"].goes_on()


def test_a_host_that_comes_when_its_result_is_there_does_not_wait(path: Path, evaluator: Process) -> None:
    evaluator.tell("a")
    assert Process(WAITS, str(path), "a").goes_on()


def test_everybody_goes_on_when_the_one_that_evaluates_is_killed(path: Path, evaluator: Process) -> None:
    waiting = [Process(WAITS, str(path), name) for name in "ab"]
    evaluator.process.send_signal(signal.SIGKILL)
    assert all(host.goes_on() for host in waiting)


def test_where_nobody_evaluates_nobody_waits(path: Path) -> None:
    WaitingRoom(path).wait("a")


def test_nobody_waits_where_files_cannot_be_locked_by_bytes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_arguments: object) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "lockf", refused)
    with WaitingRoom(path).locked() as let_go:
        let_go("a")
        WaitingRoom(path).wait("b")
