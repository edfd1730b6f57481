# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands on the controller end with their caller, and say how they ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core import process
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import CommandTimeoutError, end_group, run

from ...errors import fails_with


def test_a_command_that_does_not_read_its_input_is_not_an_error() -> None:
    assert run(["true"], stdin=b"x" * 1_000_000).ok


def test_lines_of_standard_error_arrive_while_the_command_runs() -> None:
    seen: list[tuple[str, float]] = []
    run(["sh", "-c", "echo one >&2; sleep 0.3; echo two >&2"], on_stderr_line=lambda s: seen.append((s, time.time())))
    assert [line for line, _when in seen] == ["one", "two"]
    assert seen[1][1] - seen[0][1] > 0.2


def test_a_missing_program_raises_file_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        run(["/nonexistent/nix"])


def test_a_command_out_of_time_ends_with_everything_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with pytest.raises(CommandTimeoutError):
        run(["sh", "-c", f"sleep 60 & echo $! > {pid_file}; wait"], timeout=0.5)
    wait_until(lambda: not is_running(int(pid_file.read_text())))


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT], [signal.SIGINT, signal.SIGTERM, signal.SIGINT]])
def test_ending_the_caller_ends_the_command_however_it_is_told(tmp_path: Path, signals: list[signal.Signals]) -> None:
    pid_file = tmp_path / "pid"
    program = (
        "import signal, threading, time\n"
        "from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import run\n"
        # Any thread may be handed a signal.
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "signal.signal(signal.SIGINT, lambda *_: None)\n"
        f"run(['sh', '-c', 'echo $$ > {pid_file}; exec sleep 60'])\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
    wait_until(lambda: pid_file.exists() and pid_file.read_text().strip() != "")
    for number in signals:
        caller.send_signal(number)
    assert caller.wait(10) != 0
    wait_until(lambda: not is_running(int(pid_file.read_text())))


def test_a_command_that_does_not_listen_is_killed_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end_group, "__defaults__", (0.2,))
    pid_file = tmp_path / "pid"
    with pytest.raises(CommandTimeoutError):
        run(["sh", "-c", f"trap '' TERM; echo $$ > {pid_file}; while :; do sleep 0.1; done"], timeout=0.5)
    wait_until(lambda: not is_running(int(pid_file.read_text())))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: t.Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_held_standard_input_stays_open_until_the_command_ends() -> None:
    # `timeout` ends a reader that is still waiting, with 124.
    assert run(["timeout", "0.3", "cat"], hold_stdin=True).rc == 124
    assert run(["timeout", "0.3", "cat"]).rc == 0


def test_a_command_that_was_ended_is_not_waited_for_by_way_of_who_else_has_its_pipes() -> None:
    began = time.monotonic()
    with pytest.raises(CommandTimeoutError):
        run(["sh", "-c", "setsid sleep 20 & wait"], timeout=0.2)
    assert time.monotonic() - began < 10


def test_a_command_that_prints_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MOST_OUTPUT", 1 << 20)
    with fails_with("nix.endless_output"):
        run(["yes"])


def test_of_standard_error_without_end_the_last_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MOST_ERRORS", 1000)
    completed = run(["sh", "-c", "seq 100000 >&2"])
    assert completed.stderr.endswith("99999\n100000\n")
    assert len(completed.stderr) <= 1000


def test_a_reader_that_fails_ends_the_command() -> None:
    def fail(line: str) -> None:
        raise ValueError(line)

    for script in ("seq 100000 >&2", "echo 1 >&2; exec sleep 60"):
        begin = time.monotonic()
        with pytest.raises(ValueError, match="1"):
            run(["sh", "-c", script], on_stderr_line=fail)
        assert time.monotonic() - begin < 30


def test_a_reader_that_fails_does_not_wait_for_who_else_has_the_pipes() -> None:
    def fail(line: str) -> None:
        raise ValueError(line)

    began = time.monotonic()
    with pytest.raises(ValueError, match="1"):
        run(["sh", "-c", "setsid sleep 20 & sleep 0.2; echo 1 >&2; wait"], on_stderr_line=fail)
    assert time.monotonic() - began < 10


def test_who_looks_in_may_end_a_command_that_says_nothing() -> None:
    began = time.monotonic()

    def look() -> None:
        if time.monotonic() - began > 0.5:
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        run(["sleep", "60"], look=look)
    assert time.monotonic() - began < 30


def test_the_end_of_the_program_ends_what_runs_in_any_thread_and_lets_nothing_begin(tmp_path: Path) -> None:
    program = (
        "import threading, time\n"
        "from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import end_all, run\n"
        f"script = 'echo >> {tmp_path}/begun; exec sleep 60'\n"
        "threads = [threading.Thread(target=run, args=(['sh', '-c', script],)) for _ in range(2)]\n"
        "[thread.start() for thread in threads]\n"
        f"while len(open('{tmp_path}/begun', 'a+b').tell() * 'x') < 2: time.sleep(0.05)\n"
        "end_all()\n"
        "[thread.join() for thread in threads]\n"
        "assert run(['sleep', '60']).rc < 0\n"
    )
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False, timeout=30).returncode == 0
