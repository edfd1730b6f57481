# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""As AWX runs it: ansible-runner, a directory of its own, and what a job template would say as extra variables."""

from __future__ import annotations

import os
import typing as t

from ansible_runner.interface import run as run_job

from .lab import ROOT, running

if t.TYPE_CHECKING:
    from pathlib import Path

    from .project import Project


def test_a_job_deploys_and_its_events_tell_what_happened(servers: Project, tmp_path_factory: t.Any) -> None:
    servers.edit("nix/roles/web.nix", "</title>", f" {os.urandom(4).hex()}</title>")
    before = running("vps-sg-2")
    run = job(servers, tmp_path_factory.mktemp("job"), limit="vps-sg-2", extravars={"deploy_failed_units": "rollback"})
    assert run.status == "successful"
    (activation,) = [
        event["event_data"]["res"]
        for event in run.events
        if event["event"] == "runner_on_ok" and event["event_data"]["task_action"] == "nix.fleet.nix_activate"
    ]
    assert activation["outcome"] == "confirmed"
    assert activation["previous"]["generation"] == before.generation
    assert activation["generation"] == running("vps-sg-2").generation


def test_a_job_of_type_check_changes_nothing(servers: Project, tmp_path_factory: t.Any) -> None:
    servers.edit("nix/roles/web.nix", "</title>", f" {os.urandom(4).hex()}</title>")
    before = running("vps-sg-2")
    run = job(servers, tmp_path_factory.mktemp("job"), limit="vps-sg-2", cmdline="--check --diff")
    assert run.status == "successful"
    assert run.stats["changed"] == {"vps-sg-2": 3}
    assert running("vps-sg-2") == before


def job(project: Project, directory: Path, **options: t.Any) -> t.Any:
    """Run the project's playbook as a job."""
    return run_job(
        private_data_dir=str(directory),
        project_dir=str(project.root),
        playbook="deploy.yml",
        inventory=str(project.root / "inventory" / "fleet.nix.yml"),
        envvars={
            "ANSIBLE_CONFIG": str(project.root / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
            "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        },
        quiet=True,
        **options,
    )
