# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as AWX has ansible-runner do them: its private data directory, its inventory script, and its slices of one.

What it writes where is in `awx/main/tasks/jobs.py` and `Inventory.get_script_data` of https://github.com/ansible/awx.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_runner.interface import run as run_job

from .lab import ROOT, on, running
from .project import Project

WEB_SERVERS = {"vps-sg-1", "vps-sg-2", "vps-de-1"}
SCRIPT = "#! /usr/bin/env python3\n# -*- coding: utf-8 -*-\nprint({!r})\n"
COUNTING = '#!/bin/sh\nfor word; do [ "$word" != eval ] || echo >>{log}; done\nexec {nix} "$@"\n'


class Controller:
    """AWX, as far as a job can tell: it copies a project, imports its inventory, and starts jobs."""

    def __init__(self, project: Project, directory: Path) -> None:
        self._directory = directory
        self._jobs = 0
        # Each job finds the project at the same place, which is /runner/project in a container of AWX, and without .git:
        # `make_local_copy` leaves it out.
        self.project = directory / "project"
        shutil.copytree(project.root, self.project)
        for playbook in (ROOT / "examples/jobs").iterdir():
            shutil.copy2(playbook, self.project)
        self._evaluations = directory / "evaluations"
        programs = directory / "programs"
        programs.mkdir()
        (programs / "nix").write_text(COUNTING.format(log=self._evaluations, nix=shutil.which("nix")))
        (programs / "nix").chmod(0o755)
        self._environment = {
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
            "ANSIBLE_CONFIG": str(self.project / "ansible.cfg"),
            # What awx_setup does by a variable of the inventory: ansible-runner has no key checked.
            "ANSIBLE_HOST_KEY_CHECKING": "True",
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
            "PATH": f"{programs}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
            "XDG_CACHE_HOME": str(directory / "cache"),
        }
        self._inventory = self._imported()

    @property
    def evaluations(self) -> int:
        """How many evaluations by Nix there were."""
        return len(self._evaluations.read_text().splitlines()) if self._evaluations.exists() else 0

    def forget(self) -> None:
        """Count anew."""
        self._evaluations.unlink(missing_ok=True)

    def job(self, playbook: str, *cmdline: str, part: int = 1, parts: int = 1, **extravars: t.Any) -> t.Any:
        """Run a job, or the one slice ``part`` of ``parts``, and return what ansible-runner knows of it."""
        self._jobs += 1
        private = self._directory / f"awx_{self._jobs}"
        for name in ("inventory", "env"):
            (private / name).mkdir(parents=True)
        (private / "project").symlink_to(self.project)
        hosts = private / "inventory" / "hosts"
        hosts.write_text(SCRIPT.format(json.dumps(self._slice(part, parts))))
        hosts.chmod(0o700)
        (private / "env" / "envvars").write_text(json.dumps(self._environment))
        (private / "env" / "extravars").write_text(json.dumps({"awx_job_id": self._jobs, **extravars}))
        (private / "env" / "cmdline").write_text(" ".join(cmdline))
        (private / "env" / "settings").write_text(json.dumps({"suppress_ansible_output": True}))
        return run_job(private_data_dir=str(private), project_dir=str(self.project), playbook=playbook, quiet=True)

    def _imported(self) -> dict[str, t.Any]:
        done = subprocess.run(
            ["ansible-inventory", "--list", "--export", "-i", "inventory/fleet.nix.yml"],
            cwd=self.project,
            env={**os.environ, **self._environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.forget()
        inventory: dict[str, t.Any] = json.loads(done.stdout)
        return inventory

    def _slice(self, part: int, parts: int) -> dict[str, t.Any]:
        """Return the inventory with every ``parts``-th host alone, and all of its groups."""
        hostvars = self._inventory["_meta"]["hostvars"]
        chosen = {host: hostvars[host] for host in sorted(hostvars)[part - 1 :: parts]}
        groups = {name: dict(group) for name, group in self._inventory.items() if name != "_meta"}
        for group in groups.values():
            if "hosts" in group:
                group["hosts"] = [host for host in group["hosts"] if host in chosen]
        return {**groups, "_meta": {"hostvars": chosen}}


@pytest.fixture
def awx(servers: Project, tmp_path_factory: pytest.TempPathFactory) -> Controller:
    """AWX with a project that the web servers run but for a new title."""
    servers.edit("nix/roles/web.nix", "</title>", f" {secrets.token_hex(4)}</title>")
    return Controller(servers, tmp_path_factory.mktemp("awx"))


def test_a_job_deploys_by_the_inventory_that_awx_has_imported_tells_what_happened_and_is_gone_back_from(
    awx: Controller,
) -> None:
    before = running("vps-sg-2")
    job = awx.job("deploy.yml", "-l", "vps-sg-2", deploy_goal="switch", deploy_reboot="never")
    assert job.status == "successful", job.stdout.read()
    (activation,) = results(job, "nix_activate").values()
    assert activation["outcome"] == "confirmed"
    assert activation["previous"]["generation"] == before.generation
    assert activation["generation"] == running("vps-sg-2").generation == before.generation + 1
    back = awx.job("rollback.yml", "-l", "vps-sg-2", rollback_to=f"before:{activation['run']}")
    assert back.status == "successful", back.stdout.read()
    assert back.stats["changed"] == {"vps-sg-2": 1}
    assert running("vps-sg-2").system == before.system


@pytest.mark.thorough
def test_an_approval_is_for_what_was_built(awx: Controller, tmp_path: Path) -> None:
    artifacts = handed_on(awx.job("build.yml", "-l", "vps-sg-2"))
    (built,) = artifacts["deploy_revision"]
    before = running("vps-sg-2")
    approved = awx.project / "nix/roles/web.nix"
    # With its time, which is part of a flake without a repository.
    kept = shutil.copy2(approved, tmp_path / "kept")
    approved.write_text("{ }")
    awx.forget()
    refused = awx.job("deploy.yml", "-l", "vps-sg-2", **artifacts)
    assert refused.status == "failed"
    (failure,) = results(refused, "nix_eval", "runner_on_failed").values()
    assert failure["msg"].endswith(f", and is to be at {built}")
    assert running("vps-sg-2") == before
    shutil.copy2(kept, approved)
    deployed = awx.job("deploy.yml", "-l", "vps-sg-2", **artifacts)
    assert deployed.status == "successful", deployed.stdout.read()
    assert running("vps-sg-2").system != before.system
    assert awx.evaluations == 0


def test_slices_that_follow_a_build_evaluate_nothing_and_share_the_fleet(awx: Controller) -> None:
    assert awx.job("build.yml", "-l", "vps", deploy_build_on="controller").status == "successful"
    assert awx.evaluations == 1
    jobs = two_slices(awx)
    assert awx.evaluations == 1
    assert [job.status for job in jobs] == ["successful", "successful"]
    first, second = (set(job.stats["ok"]) for job in jobs)
    assert first
    assert second
    assert first | second == WEB_SERVERS
    assert not first & second


def handed_on(job: t.Any) -> dict[str, t.Any]:
    """Return what a job has for those that follow it in a workflow: `awx/main/tasks/callback.py` reads it so."""
    (artifacts,) = (each["event_data"]["artifact_data"] for each in job.events if each["event"] == "playbook_on_stats")
    return t.cast("dict[str, t.Any]", artifacts)


def results(job: t.Any, module: str, event: str = "runner_on_ok") -> dict[str, dict[str, t.Any]]:
    """Return what a module of ours returned for each host, as the events have it."""
    return {
        each["event_data"]["host"]: each["event_data"]["res"]
        for each in job.events
        if each["event"] == event and each["event_data"]["task_action"] == f"nix.fleet.{module}"
    }


def two_slices(awx: Controller) -> list[t.Any]:
    """Run both slices of one job at the same time."""
    jobs: dict[int, t.Any] = {}

    def run(part: int) -> None:
        jobs[part] = awx.job("deploy.yml", "-l", "vps", part=part, parts=2, deploy_build_on="controller")

    threads = [threading.Thread(target=run, args=(part,)) for part in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [jobs[part] for part in sorted(jobs)]


def test_no_secret_of_a_job_is_among_its_artifacts(awx: Controller, tmp_path: Path) -> None:
    word = secrets.token_hex(8)
    # In a file, as a credential of AWX brings it: extra variables and the environment runner itself writes down.
    (tmp_path / "db").write_text(word)
    key = {"name": "db", "content": f"{{{{ lookup('file', '{tmp_path}/db') }}}}"}
    job = awx.job("nix.fleet.keys", "-l", "vps-sg-1", "-vvv", deploy_keys=[key])
    assert job.status == "successful", job.stdout.read()
    assert on("vps-sg-1", "cat /run/keys/db") == word
    artifacts = [path for path in Path(job.config.artifact_dir).rglob("*") if path.is_file()]
    assert len(artifacts) > len(list(job.events))
    assert [path for path in artifacts if word in path.read_text(errors="replace")] == []
