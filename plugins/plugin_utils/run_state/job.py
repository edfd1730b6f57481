# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which job of which server this run is: there, the user who runs Ansible is the server's, and the checkout has no history."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..core.text import redacted

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLES = (
    *("awx_job_id", "awx_user_name", "awx_schedule_name", "awx_project_revision", "awx_workflow_job_id"),
    *("fleet_workflow_job_id", "semaphore_vars"),
)
_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class Job:
    """``name`` has the server and its number of the job, such as ``AWX job 17``; ``user`` is who started it."""

    name: str
    user: str | None = None
    commit: str | None = None
    url: str | None = None

    def to_result(self) -> dict[str, t.Any]:
        """Return the job as the journal and the report have it."""
        return dataclasses.asdict(self)


def variables_of_jobs(variables: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return those variables that say something of a job."""
    return {name: variables[name] for name in _VARIABLES if name in variables}


def workflow_run(variables: Mapping[str, t.Any]) -> str | None:
    """Return the one name of all runs of a workflow of AWX, by which all are taken back: the slices of a job are one too."""
    # The playbook build hands the first of them on: a job that is cut into slices is a workflow in the workflow.
    number = str(variables.get("fleet_workflow_job_id") or variables.get("awx_workflow_job_id") or "")
    return f"awx-workflow-{number}" if number.isdecimal() else None


def job_of(variables: Mapping[str, t.Any], environment: Mapping[str, str]) -> Job | None:
    """Return the job by the variables and the environment that its server gives it, or None where no server runs this."""
    return _of_awx(variables, environment) or _of_semaphore(variables) or _of_forge(environment)


def _of_awx(variables: Mapping[str, t.Any], environment: Mapping[str, str]) -> Job | None:
    number = variables.get("awx_job_id")
    if not number:
        return None
    schedule, server = variables.get("awx_schedule_name"), environment.get("AWX_HOST")
    return _job(
        f"AWX job {number}",
        variables.get("awx_user_name") or (schedule and f"schedule {schedule}"),
        variables.get("awx_project_revision") or environment.get("PROJECT_REVISION"),
        server and f"{server}/#/jobs/{number}",
    )


def _of_semaphore(variables: Mapping[str, t.Any]) -> Job | None:
    given = variables.get("semaphore_vars")
    task = given.get("task_details") if isinstance(given, dict) else None
    if not isinstance(task, dict) or not task.get("id"):
        return None
    return _job(f"Semaphore task {task['id']}", task.get("username"), task.get("commit_hash"), task.get("url"))


def _of_forge(environment: Mapping[str, str]) -> Job | None:
    get = environment.get
    if get("GITLAB_CI"):
        return _job(f"GitLab job {get('CI_JOB_ID')}", get("GITLAB_USER_LOGIN"), get("CI_COMMIT_SHA"), get("CI_JOB_URL"))
    if not get("GITHUB_ACTIONS"):
        return None
    # Forgejo and Gitea have GitHub's variables too.
    forge = "Forgejo" if get("FORGEJO_ACTIONS") else "Gitea" if get("GITEA_ACTIONS") else "GitHub"
    number, server = get("GITHUB_RUN_ID"), get("GITHUB_SERVER_URL")
    page = server and f"{server}/{get('GITHUB_REPOSITORY')}/actions/runs/{number}"
    return _job(f"{forge} run {number}", get("GITHUB_ACTOR"), get("GITHUB_SHA"), page)


def _job(name: str, user: t.Any, commit: t.Any, url: t.Any) -> Job:
    return Job(
        name,
        str(user) if user else None,
        str(commit) if commit and _COMMIT.fullmatch(str(commit)) else None,
        str(redacted(str(url))) if url else None,
    )
