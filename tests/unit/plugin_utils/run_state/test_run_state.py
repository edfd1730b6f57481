# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What processes of one run tell each other, and which server's job the run is."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import ROLLBACK
from ansible_collections.nix.fleet.plugins.plugin_utils.run_state.job import (
    Job,
    job_of,
    variables_of_jobs,
    workflow_run,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.run_state.run_state import RunState

from ...errors import fails_with

FORK = multiprocessing.get_context("fork")
WRITERS, NOTES_OF_ONE = 6, 40


@pytest.fixture(name="state")
def fixture_state(tmp_path: Path) -> Iterator[RunState]:
    """Return the state of a run."""
    state = RunState(tmp_path)
    yield state
    state.close()


def in_process(work: Callable[[], t.Any]) -> int:
    """Do ``work`` in a process of its own, as Ansible does a task, and return its exit code."""
    process = FORK.Process(target=work)
    process.start()
    process.join()
    return t.cast("int", process.exitcode)


def child_until_killed(work: Callable[[], t.Any]) -> multiprocessing.process.BaseProcess:
    """Start a process that has done ``work``, and stays."""
    ready, done = FORK.Pipe(duplex=False)

    def run() -> None:
        work()
        done.send(None)
        time.sleep(600)

    process = FORK.Process(target=run, daemon=True)
    process.start()
    ready.recv()
    return process


def kill(process: multiprocessing.process.BaseProcess) -> None:
    """Kill a process without asking how it ended: it stays as a zombie."""
    os.kill(t.cast("int", process.pid), signal.SIGKILL)


def test_a_note_is_read_by_every_other_object_of_the_run(tmp_path: Path, state: RunState) -> None:
    state.note("topic", "web", {"path": "/nix/store/a", "size": 3})
    (note,) = RunState(tmp_path).notes("topic")
    assert (note.name, note.value) == ("web", {"path": "/nix/store/a", "size": 3})


def test_notes_can_be_read_of_one_name_and_from_where_one_was(state: RunState) -> None:
    state.note_all("topic", [("web", 1), ("db", 2), ("web", 3)])
    state.note("another", "web", 4)
    first = state.notes("topic")[0]
    assert [note.value for note in state.notes("topic", after=first.number)] == [2, 3]
    assert [note.value for note in state.notes("topic", "web")] == [1, 3]


def test_the_latest_note_of_a_name_counts(state: RunState) -> None:
    state.note_all("topic", [("web", 1), ("web", 2)])
    latest = state.latest("topic", "web")
    assert latest is not None
    assert latest.value == 2


def test_nobody_else_may_read_the_file_or_look_into_its_directory(tmp_path: Path, state: RunState) -> None:
    state.note("topic", "web", 1)
    (directory,) = tmp_path.iterdir()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}


def test_what_a_forked_process_notes_is_read_by_its_parent_and_the_other_way_round(state: RunState) -> None:
    state.note("topic", "parent", 1)

    def work() -> None:
        sys.exit(0 if [note.name for note in state.notes("topic")] == ["parent"] else 1)

    assert in_process(work) == 0
    assert in_process(lambda: state.note("topic", "child", 2)) == 0
    assert [note.name for note in state.notes("topic")] == ["parent", "child"]


def test_nothing_is_lost_of_what_many_processes_write_at_once(tmp_path: Path) -> None:
    def write(number: int) -> None:
        state = RunState(tmp_path)
        for value in range(NOTES_OF_ONE):
            state.note("topic", str(number), value)

    writers = [FORK.Process(target=write, args=(number,)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    read = RunState(tmp_path)
    assert all(
        [note.value for note in read.notes("topic", str(number))] == [*range(NOTES_OF_ONE)] for number in range(WRITERS)
    )


def test_a_process_that_is_killed_in_the_middle_of_a_change_leaves_nothing_of_it(state: RunState) -> None:
    state.note("topic", "before", 1)

    def work() -> None:
        with state.change():
            state.note("topic", "half", 2)
            os.kill(os.getpid(), signal.SIGKILL)

    assert in_process(work) == -signal.SIGKILL
    state.note("topic", "after", 3)
    assert [note.name for note in state.notes("topic")] == ["before", "after"]


def test_a_change_that_raises_has_changed_nothing(state: RunState) -> None:
    def change() -> None:
        with state.change():
            state.note("topic", "web", 1)
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        change()
    assert state.notes("topic") == []


def test_only_one_process_has_a_claim(state: RunState) -> None:
    other = child_until_killed(lambda: state.claim("topic", "web"))
    assert (state.claim("topic", "web"), state.claim("topic", "db")) == (False, True)
    assert state.claims("topic") == {"web", "db"}
    kill(other)


def test_a_claim_ends_with_the_process_that_was_killed(state: RunState) -> None:
    other = child_until_killed(lambda: state.claim("topic", "web"))
    kill(other)
    deadline = time.monotonic() + 10
    while not state.claim("topic", "web"):
        assert time.monotonic() < deadline


def test_a_claim_is_not_that_of_a_later_process_of_the_same_number(state: RunState) -> None:
    state.claim("topic", "web")
    with state.change() as database:
        database.execute("UPDATE claim SET started = 'earlier'")
    assert not state.is_claimed("topic", "web")


def test_a_claim_that_is_released_or_out_of_time_is_free(state: RunState) -> None:
    state.claim("topic", "web")
    state.release("topic", "web")
    state.claim("topic", "db", until=time.time() - 1)
    assert state.claims("topic") == set()


def test_a_claim_that_is_handed_over_ends_with_its_new_holder(state: RunState) -> None:
    state.claim("topic", "web")
    with subprocess.Popen(["sleep", "600"]) as holder:
        state.hand_over("topic", "web", holder.pid)
        assert (state.is_claimed("topic", "web"), state.claim("topic", "web")) == (True, False)
        holder.kill()
    assert not state.is_claimed("topic", "web")


def test_a_claim_that_is_handed_to_a_process_that_has_ended_is_free(state: RunState) -> None:
    state.claim("topic", "web")
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    state.hand_over("topic", "web", gone.pid)
    assert not state.is_claimed("topic", "web")


def test_who_waits_gets_what_is_told_meanwhile(state: RunState) -> None:
    def tell() -> None:
        state.note("topic", "web", "told")
        time.sleep(600)

    other = child_until_killed(lambda: state.claim("topic", "web"))
    teller = FORK.Process(target=tell, daemon=True)
    teller.start()
    found = state.wait_while_claimed("topic", "web", lambda: state.latest("topic", "web"))
    assert found is not None
    assert found.value == "told"
    kill(other)
    teller.kill()


def test_who_waits_for_a_process_that_is_killed_is_told_that_nobody_is_at_it(state: RunState) -> None:
    other = child_until_killed(lambda: state.claim("topic", "web"))
    kill(other)
    assert state.wait_while_claimed("topic", "web", lambda: state.latest("topic", "web")) is None


def test_an_answer_is_found_once_and_shared_for_a_while(tmp_path: Path) -> None:
    asked: list[int] = []

    def find() -> int:
        asked.append(1)
        return len(asked)

    assert [RunState(tmp_path).once("topic", "question", find, seconds=60) for _host in range(3)] == [1, 1, 1]
    assert RunState(tmp_path).once("topic", "question", find, seconds=0) == 2


def test_who_asks_while_another_finds_out_waits_for_its_answer(state: RunState) -> None:
    def find() -> str:
        time.sleep(0.3)
        return "found"

    asker = FORK.Process(target=lambda: state.once("topic", "question", find, seconds=60))
    asker.start()
    while not state.is_claimed("topic", "question"):
        time.sleep(0.01)
    assert state.once("topic", "question", lambda: "asked again", seconds=60) == "found"
    asker.join()


def test_an_answer_that_could_not_be_found_is_looked_for_by_the_next(state: RunState) -> None:
    def fail() -> t.NoReturn:
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        state.once("topic", "question", fail, seconds=60)
    assert state.once("topic", "question", lambda: "found", seconds=60) == "found"


def test_a_directory_in_which_nothing_can_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "nix.fleet-state").write_text("in the way")
    with fails_with("run_state.unusable"):
        RunState(tmp_path).note("topic", "web", 1)


def test_a_file_that_is_no_database_is_an_error_of_ours(tmp_path: Path, state: RunState) -> None:
    state.note("topic", "web", 1)
    state.close()
    (tmp_path / "nix.fleet-state" / "run.sqlite").write_text("something else")
    with fails_with("run_state.unusable"):
        RunState(tmp_path).notes("topic")


COMMIT = "4f1c0de4f1c0de4f1c0de4f1c0de4f1c0de4f1c0"
# `awx_meta_vars` of awx/main/models and `build_env` of awx/main/tasks/jobs.py.
AWX = {"awx_job_id": 17, "awx_user_name": "alice", "awx_project_revision": COMMIT}
# `getTaskDetails` of services/tasks/LocalJob.go.
TASK: dict[str, t.Any] = {
    "id": 5,
    "username": "bob",
    "url": "https://semaphore.example/project/1/history?t=5",
    "commit_hash": COMMIT,
}
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_ACTOR": "carol",
    "GITHUB_RUN_ID": "99",
    "GITHUB_SHA": COMMIT,
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "example/fleet",
}
GITLAB = {
    "GITLAB_CI": "true",
    "GITLAB_USER_LOGIN": "dave",
    "CI_JOB_ID": "31",
    "CI_JOB_URL": "https://gitlab.example/fleet/-/jobs/31",
    "CI_COMMIT_SHA": COMMIT,
}


@pytest.mark.parametrize(
    ("variables", "environment", "job"),
    [
        pytest.param(
            AWX,
            {"AWX_HOST": "https://awx.example"},
            Job("AWX job 17", "alice", COMMIT, "https://awx.example/#/jobs/17"),
            id="awx",
        ),
        pytest.param(
            {"awx_job_id": 17, "awx_schedule_name": "nightly"},
            {"PROJECT_REVISION": COMMIT},
            Job("AWX job 17", "schedule nightly", COMMIT),
            id="a schedule of awx",
        ),
        pytest.param(
            {"semaphore_vars": {"task_details": TASK}},
            {},
            Job("Semaphore task 5", "bob", COMMIT, TASK["url"]),
            id="semaphore",
        ),
        pytest.param(
            {"semaphore_vars": {"task_details": {"id": 5, "username": "", "url": None}}},
            {},
            Job("Semaphore task 5"),
            id="a schedule of an older semaphore",
        ),
        pytest.param(
            {},
            GITHUB,
            Job("GitHub run 99", "carol", COMMIT, "https://github.com/example/fleet/actions/runs/99"),
            id="github",
        ),
        pytest.param(
            {},
            {**GITHUB, "FORGEJO_ACTIONS": "true", "GITHUB_SERVER_URL": "https://git.example"},
            Job("Forgejo run 99", "carol", COMMIT, "https://git.example/example/fleet/actions/runs/99"),
            id="forgejo",
        ),
        pytest.param(
            {},
            {**GITHUB, "GITEA_ACTIONS": "true", "GITHUB_SERVER_URL": ""},
            Job("Gitea run 99", "carol", COMMIT),
            id="gitea",
        ),
        pytest.param({}, GITLAB, Job("GitLab job 31", "dave", COMMIT, GITLAB["CI_JOB_URL"]), id="gitlab"),
        pytest.param({}, {"HOME": "/root"}, None, id="a person at a terminal"),
    ],
)
def test_a_job_is_told_by_what_its_server_gives_it(
    variables: dict[str, t.Any], environment: dict[str, str], job: Job | None
) -> None:
    assert job_of(variables, environment) == job


@pytest.mark.parametrize(
    "variables",
    [
        {"semaphore_vars": None},
        {"semaphore_vars": {"task_details": "5"}},
        {"semaphore_vars": {"task_details": {"username": "bob"}}},
        {"awx_job_id": ""},
    ],
)
def test_variables_of_the_same_names_that_are_no_servers_are_none(variables: dict[str, t.Any]) -> None:
    assert job_of(variables, {}) is None


def test_a_commit_that_is_none_is_not_told() -> None:
    job = job_of({**AWX, "awx_project_revision": "main; reboot"}, {})
    assert job is not None
    assert job.commit is None


def test_a_password_in_an_address_is_not_told() -> None:
    job = job_of({}, {**GITLAB, "CI_JOB_URL": "https://dave:hunter2@gitlab.example/31"})
    assert job is not None
    assert "hunter2" not in str(job)


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"awx_job_id": 18, "awx_workflow_job_id": 17}, "awx-workflow-17"),
        ({"awx_job_id": 19, "awx_workflow_job_id": 17}, "awx-workflow-17"),
        # Slices in a workflow are one of their own, and know of the other by what its build hands on.
        ({"awx_job_id": 21, "awx_workflow_job_id": 20, "fleet_workflow_job_id": 17}, "awx-workflow-17"),
        ({"awx_job_id": 17}, None),
        ({"awx_workflow_job_id": "; reboot"}, None),
    ],
)
def test_all_slices_of_a_job_and_all_jobs_of_a_workflow_are_taken_back_by_one_name(
    variables: dict[str, t.Any], name: str | None
) -> None:
    assert workflow_run(variables_of_jobs(variables)) == name
    assert name is None or ROLLBACK.fullmatch(f"before:{name}")
