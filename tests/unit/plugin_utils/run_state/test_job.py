# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server's job this run is, who started it, and at which commit: as AWX, Semaphore and the forges tell their jobs."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import ROLLBACK
from ansible_collections.nix.fleet.plugins.plugin_utils.run_state.job import (
    Job,
    job_of,
    variables_of_jobs,
    workflow_run,
)

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
