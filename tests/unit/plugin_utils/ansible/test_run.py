# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All hosts of a run know it by one name, and it ends when a process that works for it is gone."""

from __future__ import annotations

import multiprocessing
import os
import pathlib
import signal
import threading
import time
import typing as t
from collections.abc import Callable

import pytest
from ansible.utils.display import Display

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.run import (
    FLEETS_KEPT,
    PATIENCE_SECONDS,
    Workers,
    end_with_run,
    last_run,
    let_threads_print,
    remember_run,
    run_id,
)


def test_all_processes_of_a_run_have_the_same_name() -> None:
    with multiprocessing.get_context("fork").Pool(4) as workers:
        assert set(workers.starmap(run_id, [({},)] * 64)) == {run_id({})}


def test_the_last_run_is_the_last_other_one_that_has_changed_a_host(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    fleet, other = ["/srv/fleet"], ["/srv/other"]
    assert last_run("c", fleet) is None
    for name in ("a", "b", "b"):
        remember_run(name, fleet)
    assert (last_run("c", fleet), last_run("b", fleet)) == ("b", "a")
    remember_run("c", fleet)
    assert last_run("c", fleet) == "b"
    assert last_run("c", other) is None


def test_the_last_runs_of_fleets_that_were_deployed_to_long_ago_are_forgotten(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for number in range(FLEETS_KEPT + 1):
        remember_run(f"run-{number}", [str(number)])
        for file in (tmp_path / "nix.fleet/fleets").iterdir():
            os.utime(file, (file.stat().st_atime, file.stat().st_mtime - 60))
    assert (last_run("", ["0"]), last_run("", ["1"])) == (None, "run-1")


def test_a_run_that_cannot_be_remembered_fails_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    remember_run("a", [])
    assert last_run("b", []) is None


def test_a_process_ends_where_the_run_that_it_works_for_was_killed(tmp_path: pathlib.Path) -> None:
    fork = multiprocessing.get_context("fork")

    def work() -> None:
        end_with_run()
        begun = os.getppid()
        (tmp_path / "begun").touch()
        while os.getppid() == begun:
            time.sleep(0.01)
        try:
            end_with_run()
        except SystemExit as end:
            (tmp_path / "ended").write_text(str(end))

    def be_a_run() -> None:
        fork.Process(target=work).start()
        time.sleep(60)

    run = fork.Process(target=be_a_run)
    run.start()
    wait_for(tmp_path / "begun")
    run.kill()
    wait_for(tmp_path / "ended")


def wait_for(file: pathlib.Path) -> None:
    deadline = time.monotonic() + 15
    while not file.exists():
        assert time.monotonic() < deadline, f"there is no {file.name}"
        time.sleep(0.01)


CONTEXT = multiprocessing.get_context("fork")


class Worker(CONTEXT.Process):  # type: ignore[name-defined]
    """A process that works for the host `web`, as Ansible's do."""

    _host = "web"


def seen_to_its_end(target: Callable[..., t.Any], *arguments: t.Any) -> Workers:
    """Return what has looked at a worker while it was there, and again when it has ended."""
    worker = Worker(target=target, args=arguments)
    worker.start()
    workers = Workers()
    assert workers.lost(0) is None
    worker.join()
    assert workers.lost(1) is None
    return workers


def die_by(number: int) -> None:
    time.sleep(0.2)
    os.kill(os.getpid(), number)


def exit_with(code: int) -> None:
    time.sleep(0.2)
    os._exit(code)


@pytest.mark.parametrize(
    ("target", "argument", "words"),
    [
        (die_by, signal.SIGKILL, "the process that worked for web was ended by signal 9 (SIGKILL)"),
        (exit_with, 1, "the process that worked for web ended with exit code 1"),
    ],
)
def test_who_was_killed_is_told_of_when_ansible_had_time_to_notice(
    target: Callable[..., t.Any], argument: int, words: str
) -> None:
    assert seen_to_its_end(target, argument).lost(1 + PATIENCE_SECONDS) == words


def test_who_has_done_its_work_is_not_missed() -> None:
    assert seen_to_its_end(exit_with, 0).lost(1 + PATIENCE_SECONDS) is None


def test_who_was_closed_meanwhile_has_brought_its_result() -> None:
    worker = Worker(target=exit_with, args=(1,))
    worker.start()
    workers = Workers()
    workers.lost(0)
    worker.join()
    worker.close()
    workers.lost(1)
    assert workers.lost(1 + PATIENCE_SECONDS) is None


def _print_in_a_thread() -> None:
    let_threads_print()
    let_threads_print()

    def say() -> None:
        with Display()._lock:
            os._exit(7)

    threading.Thread(target=say, daemon=True).start()
    time.sleep(5)


def test_each_thread_of_a_worker_prints_though_ansible_forks_it_with_the_output_locked() -> None:
    worker = multiprocessing.get_context("fork").Process(target=_print_in_a_thread)
    # As WorkerProcess.start of ansible-core does.
    with Display()._lock:
        worker.start()
    worker.join()
    assert worker.exitcode == 7
