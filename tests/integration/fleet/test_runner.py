# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""As AWX runs it: ansible-runner, a directory of its own, and what a job template would say as extra variables."""

from __future__ import annotations

import os
import secrets
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible_runner.interface import run as run_job

from .lab import ROOT, cut, on, running
from .project import Project


class Jobs:
    """A project that the web servers run, and jobs that AWX would start in it."""

    def __init__(self, project: Project, directory: Path) -> None:
        self.project = project
        self._directory = directory
        self._file = project.root / "nix/roles/web.nix"
        self._text = self._file.read_text()

    def change(self) -> None:
        """Give every web server a page that it has never had."""
        self._file.write_text(self._text.replace("</title>", f" {secrets.token_hex(4)}</title>"))

    def run(self, playbook: str = "deploy.yml", **options: t.Any) -> t.Any:
        """Run a playbook as a job, in a directory of its own."""
        return run_job(
            private_data_dir=tempfile.mkdtemp(dir=self._directory),
            project_dir=str(self.project.root),
            playbook=playbook,
            inventory=str(self.project.root / "inventory" / "fleet.nix.yml"),
            envvars={
                "ANSIBLE_CONFIG": str(self.project.root / "ansible.cfg"),
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
                # As AWX is set up for the fleet: left to itself, ansible-runner has no host's key checked.
                "ANSIBLE_HOST_KEY_CHECKING": "True",
                "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
            },
            quiet=True,
            **options,
        )


@pytest.fixture(scope="module")
def jobs(fleet: None, tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    """One project for the file, which every job finds deployed."""
    project = Project.copied_to(tmp_path_factory.mktemp("project"))
    jobs = Jobs(project, tmp_path_factory.mktemp("jobs"))
    assert jobs.run(limit="vps").status == "successful"
    return jobs


def results(job: t.Any, module: str, event: str = "runner_on_ok") -> dict[str, dict[str, t.Any]]:
    """Return what a module of ours returned for each host, as the events have it."""
    return {
        each["event_data"]["host"]: each["event_data"]["res"]
        for each in job.events
        if each["event"] == event and each["event_data"]["task_action"] == f"nix.fleet.{module}"
    }


def test_a_job_deploys_and_its_events_tell_what_happened(jobs: Jobs) -> None:
    jobs.change()
    before = running("vps-sg-2")
    job = jobs.run(limit="vps-sg-2", extravars={"deploy_failed_units": "rollback"})
    assert (job.status, job.rc) == ("successful", 0)
    (activation,) = results(job, "nix_activate").values()
    assert activation["outcome"] == "confirmed"
    assert activation["previous"]["generation"] == before.generation
    assert activation["generation"] == running("vps-sg-2").generation


def test_a_job_rolls_back_what_another_has_deployed(jobs: Jobs) -> None:
    before = running("vps-sg-2")
    jobs.change()
    deployment = jobs.run(limit="vps-sg-2")
    (activation,) = results(deployment, "nix_activate").values()
    job = jobs.run("nix.fleet.rollback", limit="vps-sg-2", extravars={"rollback_to": f"before:{activation['run']}"})
    assert job.status == "successful"
    assert job.stats["changed"] == {"vps-sg-2": 1}
    assert running("vps-sg-2").system == before.system


def test_a_host_that_fails_fails_the_job_and_no_other_host(jobs: Jobs) -> None:
    jobs.change()
    page = "${pkgs.busybox}/bin/httpd"
    broken = 'pkgs.runCommand "broken-page" { } "echo the page is broken; exit 3"'
    jobs.project.edit(
        "nix/roles/web.nix", page, f'${{if node.name == "vps-de-1" then {broken} else pkgs.busybox}}/bin/httpd'
    )
    with cut("vps-sg-2"):
        job = jobs.run(limit="vps")
    assert (job.status, job.rc) == ("failed", 4)
    assert job.stats["failures"] == {"vps-de-1": 1}
    assert job.stats["dark"] == {"vps-sg-2": 1}
    assert [host for host, result in results(job, "nix_activate").items() if result["changed"]] == ["vps-sg-1"]
    failure = results(job, "nix_build", "runner_on_failed")["vps-de-1"]
    assert (failure["host"], failure["stage"]) == ("vps-de-1", "build")
    assert failure["log"] == "the page is broken"


def ours(job: t.Any) -> list[str]:
    """Return the modules of ours that did something, in their order."""
    actions = [each["event_data"]["task_action"] for each in job.events if each["event"] == "runner_on_ok"]
    return [action.removeprefix("nix.fleet.") for action in actions if action.startswith("nix.fleet.")]


def test_a_stage_that_a_job_leaves_out_by_its_tag_is_left_out_with_what_belongs_to_it(jobs: Jobs) -> None:
    jobs.change()
    before = running("vps-sg-2")
    job = jobs.run(limit="vps-sg-2", skip_tags="activate", extravars={"deploy_reboot": "if_required"})
    assert (job.status, ours(job)) == ("successful", ["nix_eval", "nix_build", "nix_copy_closure"])
    assert running("vps-sg-2") == before
    # It is there, and nothing else is to be done but to make it what runs.
    (build,) = results(job, "nix_build").values()
    assert on("vps-sg-2", f"test -e {build['out_path']} && echo there").strip() == "there"


def test_no_secret_of_a_job_is_among_its_artifacts(jobs: Jobs, tmp_path: Path) -> None:
    word = secrets.token_hex(8)
    # In a file, as a credential of AWX brings it: extra variables and the environment runner itself writes down.
    (tmp_path / "db").write_text(word)
    key = {"name": "db", "content": f"{{{{ lookup('file', '{tmp_path}/db') }}}}"}
    job = jobs.run("nix.fleet.keys", limit="vps-sg-1", verbosity=3, extravars={"deploy_keys": [key]})
    assert job.status == "successful", job.stdout.read()
    assert on("vps-sg-1", "cat /run/keys/db") == word
    artifacts = [path for path in Path(job.config.artifact_dir).rglob("*") if path.is_file()]
    assert len(artifacts) > len(list(job.events))
    assert [path for path in artifacts if word in path.read_text(errors="replace")] == []
