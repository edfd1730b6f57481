# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""As a job of CI runs it: by ci/fleet, with no other key and no other host keys than it was given."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from .lab import ROOT, home
from .project import Project

SCHEMA = json.loads((ROOT / "docs/schemas/report-1.json").read_text())


class Job:
    """A job of CI in a project, on a machine whose ssh knows where the hosts are, and neither their keys nor its own."""

    def __init__(self, project: Project, directory: Path) -> None:
        self.project, self.root, self.directory = project, project.root, directory
        lab = home() / ".lab"
        (self.root / "ci").mkdir()
        shutil.copy2(ROOT / "examples/ci/fleet", self.root / "ci/fleet")
        places = re.sub(
            r"(?mi)^\s*(IdentityFile|(User|Global)KnownHostsFile) .*\n", "", (lab / "ssh_config").read_text()
        )
        (directory / "ssh_config").write_text(places)
        variables = self.root / "inventory/group_vars/all/lab.yml"
        settings = variables.read_text().replace(str(lab / "ssh_config"), str(directory / "ssh_config"))
        # No connection that another run has left standing.
        settings = re.sub(
            r"(?m)^ansible_control_path_dir: .*$", f'ansible_control_path_dir: "{directory}/cp"', settings
        )
        variables.write_text(settings)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self._run(["ci/fleet", *arguments], environment)

    def types(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a step of a workflow."""
        return self._run(["bash", "-euo", "pipefail", "-c", script], environment)

    def _run(self, command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        variables = {
            "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "ANSIBLE_CONFIG": str(self.root / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
            "FLEET_TOOLS": "path",
            "FLEET_REPORTS": str(self.directory / "reports"),
            "LC_ALL": "C.UTF-8",
        }
        return subprocess.run(
            command,
            cwd=self.root,
            env={**variables, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    @property
    def report(self) -> dict[str, t.Any]:
        """What it has left, which is as the schema has it."""
        report: dict[str, t.Any] = json.loads((self.directory / "reports/report.json").read_text())
        Draft202012Validator(SCHEMA).validate(report)
        return report


@pytest.fixture
def lab() -> Path:
    """Return where the fleet keeps the keys of its hosts, and the one that opens them."""
    return home() / ".lab"


@pytest.fixture
def job(servers: Project, tmp_path_factory: pytest.TempPathFactory) -> Job:
    return Job(servers, tmp_path_factory.mktemp("job"))


def test_a_job_builds_without_a_key_compares_with_one_and_deploys(job: Job, lab: Path) -> None:
    page = job.root / "nix/roles/web.nix"
    page.write_text(page.read_text().replace("</title>", f" {os.urandom(4).hex()}</title>"))
    key = (lab / "keys/client").read_text()
    shutil.copy2(lab / "known_hosts", job.root / "ci/known_hosts")

    built = job.run("build", "--limit", "vps-sg-2", "--extra-vars", "deploy_build_on=controller")
    assert built.returncode == 0, built.stdout
    assert [host["outcome"] for host in job.report["hosts"]] == ["built"]

    compared = job.run("diff", "--limit", "vps-sg-2", SSH_PRIVATE_KEY=key)
    assert compared.returncode == 0, compared.stdout
    assert job.report["run"]["check_mode"] is True
    assert "index.html" in job.report["hosts"][0]["difference"]["rebuilt"]
    assert "rebuilt: " in (job.directory / "reports/summary.md").read_text()

    deployed = job.run("deploy", "--diff", "--limit", "vps-sg-2", SSH_PRIVATE_KEY=key)
    assert deployed.returncode == 0, deployed.stdout
    (host,) = job.report["hosts"]
    assert host["outcome"] == "confirmed"
    assert [stage["stage"] for stage in host["stages"]][:4] == ["evaluation", "build", "copy", "activation"]


def test_a_host_with_another_key_than_it_should_have_is_not_deployed_to(job: Job, lab: Path) -> None:
    another = " ".join((lab / "keys/homelab.pub").read_text().split()[:2])
    known = "\n".join(f"{line.split()[0]} {another}" for line in (lab / "known_hosts").read_text().splitlines())
    run = job.run(
        *("deploy", "--limit", "vps-sg-2", "--extra-vars", "deploy_build_on=controller"),
        SSH_PRIVATE_KEY=str(lab / "keys/client"),
        SSH_KNOWN_HOSTS=known,
    )
    assert run.returncode == 4, run.stdout
    assert (job.report["run"]["exit_code"], job.report["hosts"][0]["result"]) == (4, "unreachable")
    assert "verification failed" in job.report["hosts"][0]["failure"]["cause"]
