# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workflows that users copy: they run what there is, give secrets to nobody else, and pin what they use."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
CI = ROOT / "examples/ci"
WORKFLOWS = sorted([*CI.glob("github/*.yml"), *CI.glob("gitlab/*.yml"), *CI.glob("forgejo/*.yml")])


def name(path: Path) -> str:
    return str(path.relative_to(CI))


def jobs(path: Path) -> dict[str, t.Any]:
    """Return the jobs of a workflow, or of GitLab's one file of them."""
    content = yaml.safe_load(path.read_text())
    found: dict[str, t.Any] = content.get("jobs") or {
        key: job for key, job in content.items() if isinstance(job, dict) and "script" in job
    }
    return found


every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=name)


@every_workflow
def test_what_others_wrote_is_pinned(path: Path) -> None:
    text = path.read_text()
    for action in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    for image in re.findall(r"image: (.*)", text):
        assert re.fullmatch(r"\S+:\d+\.\d+\.\d+", image), image
    assert "-latest" not in text


@every_workflow
def test_no_host_key_is_believed_because_the_network_says_so(path: Path) -> None:
    for text in (path.read_text(), (CI / "fleet").read_text()):
        assert "ssh-keyscan" not in text
        assert "StrictHostKeyChecking=no" not in text
        assert "accept-new" not in text


@every_workflow
def test_what_builds_a_strangers_changes_has_no_secret(path: Path) -> None:
    if "build" not in jobs(path):
        return
    build = jobs(path)["build"]
    assert "secrets." not in str(build)
    assert "environment" not in build
    assert build.get("permissions", {"contents": "read"}) == {"contents": "read"}


@every_workflow
def test_no_workflow_runs_a_strangers_changes_with_the_repositorys_own_rights(path: Path) -> None:
    assert "pull_request_target" not in path.read_text()


@every_workflow
def test_what_reaches_hosts_is_kept_from_forks(path: Path) -> None:
    compare = jobs(path).get("compare")
    if compare is not None:
        conditions = str(compare.get("if") or compare["rules"])
        assert "head.repo.full_name == github.repository" in conditions or "SOURCE_PROJECT_ID ==" in conditions


@every_workflow
def test_deployments_run_one_at_a_time_and_to_their_end(path: Path) -> None:
    if "deploy" not in jobs(path):
        return
    content = yaml.safe_load(path.read_text())
    if path.parent.name == "gitlab":
        assert content["deploy"]["resource_group"]
        assert content["deploy"]["interruptible"] is False
    else:
        assert content["concurrency"] == {"group": "fleet-production", "cancel-in-progress": False}
    assert path.parent.name == "forgejo" or content.get("jobs", content)["deploy"]["environment"]


@pytest.mark.parametrize("path", sorted(CI.glob("github/*.yml")), ids=name)
def test_a_job_on_github_has_the_rights_that_it_says_and_no_other(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {}
    assert all(job["permissions"] for job in jobs(path).values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_what_a_person_types_is_never_part_of_a_script(path: Path) -> None:
    for job in jobs(path).values():
        for step in job.get("steps", ()):
            assert "${{" not in step.get("run", "")


@every_workflow
def test_the_right_to_push_is_with_the_step_that_pushes_and_no_other(path: Path) -> None:
    job = jobs(path).get("update")
    if job is None or path.parent.name == "gitlab":
        return
    assert "oken" not in str(job["env"])
    assert [step.get("with", {}) for step in job["steps"] if "checkout" in step.get("uses", "")] == [
        {"persist-credentials": False}
    ]
    (update,) = (step for step in job["steps"] if step.get("id") == "update")
    assert "env" not in update
    assert "git push" not in update["run"]


class Job:
    """A directory with ci/fleet in it, where programs of the test's stand for Ansible's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "ci").mkdir()
        (root / "bin").mkdir()
        (root / "ci/fleet").write_text((CI / "fleet").read_text())
        self.program(
            "ansible-playbook",
            'printf "%s\\n" "$*" "$ANSIBLE_SSH_EXTRA_ARGS"; env; echo table >"$NIX_FLEET_REPORT_MARKDOWN"',
        )
        self.program("ssh-keygen", "exit 0")

    def program(self, called: str, script: str) -> None:
        path = self.root / "bin" / called
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "TMPDIR": str(self.root), "FLEET_TOOLS": "path"}
        command = ["sh", "ci/fleet", *arguments]
        return subprocess.run(
            command, cwd=self.root, env={**variables, **environment}, capture_output=True, text=True, check=False
        )

    @property
    def left(self) -> set[str]:
        return {path.name for path in self.root.iterdir()} - {"bin", "ci", "reports"}


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_arguments_reach_the_playbook_as_they_are(job: Job) -> None:
    done = job.run("deploy", "--limit", "a b", "--diff")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("nix.fleet.deploy --limit a b --diff\n")


def test_without_a_key_ssh_is_left_as_it_is(job: Job) -> None:
    assert "ANSIBLE_SSH_EXTRA_ARGS" not in job.run("build").stdout


@pytest.mark.parametrize("variable", [True, False], ids=["variable", "file"])
def test_no_other_host_keys_are_believed_where_the_key_is_the_runners_own(job: Job, *, variable: bool) -> None:
    if not variable:
        (job.root / "ci/known_hosts").write_text("web ssh-ed25519 AAAA\n")
    done = job.run("deploy", **({"SSH_KNOWN_HOSTS": "web ssh-ed25519 AAAA"} if variable else {}))
    assert "StrictHostKeyChecking=yes" in done.stdout
    assert "GlobalKnownHostsFile=/dev/null" in done.stdout
    assert "IdentityFile" not in done.stdout


def test_a_secret_that_is_not_there_is_told_from_a_job_that_needs_none(job: Job) -> None:
    done = job.run("deploy", SSH_PRIVATE_KEY="", SSH_KNOWN_HOSTS="web ssh-ed25519 AAAA")
    assert done.returncode == 78
    assert "SSH_PRIVATE_KEY is empty" in done.stderr
    assert done.stdout == ""


@every_workflow
def test_a_job_that_reaches_hosts_has_a_key_or_fails(path: Path) -> None:
    for job in (jobs(path).get(name) for name in ("compare", "deploy", "by-hand")):
        if job is None:
            continue
        if path.parent.name == "gitlab":
            assert 'SSH_PRIVATE_KEY="${SSH_PRIVATE_KEY:-}" ci/fleet' in str(job["script"])
        else:
            assert any("SSH_PRIVATE_KEY" in step.get("env", {}) for step in job["steps"])


def test_a_key_without_host_keys_reaches_no_host(job: Job) -> None:
    job.program("ssh-keygen", "exit 255")
    done = job.run("diff", SSH_PRIVATE_KEY="key")
    assert done.returncode == 78
    assert "no host keys" in done.stderr
    assert "nix.fleet.diff" not in done.stdout


def test_the_key_is_in_nothings_environment_and_gone_when_the_job_is_over(job: Job) -> None:
    done = job.run("diff", SSH_PRIVATE_KEY="the-key", SSH_KNOWN_HOSTS="web ssh-ed25519 AAAA")
    assert "the-key" not in done.stdout
    assert job.left == set()


def test_a_key_may_be_in_a_file_and_have_another_systems_line_ends(job: Job) -> None:
    (job.root / "ci/key").write_bytes(b"one\r\ntwo")
    job.program("ansible-playbook", 'key=${ANSIBLE_SSH_EXTRA_ARGS#*IdentityFile=}; od -c "${key%% *}"')
    printed = job.run("diff", SSH_PRIVATE_KEY="ci/key", SSH_KNOWN_HOSTS="web ssh-ed25519 AAAA").stdout
    assert "\\r" not in printed
    assert "o   n   e  \\n   t   w   o" in printed


def test_it_ends_as_ansible_does_and_shows_the_summary_all_the_same(job: Job) -> None:
    job.program("ansible-playbook", 'echo table >"$NIX_FLEET_REPORT_MARKDOWN"; exit 4')
    page = job.root / "ci/page"
    assert job.run("deploy", GITHUB_STEP_SUMMARY=str(page)).returncode == 4
    assert page.read_text() == "table\n"


def test_ansible_comes_from_the_flakes_own_nixpkgs_unless_path_is_asked_for(job: Job) -> None:
    job.program("nix", 'echo "nix $*"')
    done = job.run("diff", "--limit", "web", FLEET_TOOLS="flake")
    assert "shell --inputs-from . nixpkgs#ansible" in done.stdout
    assert done.stdout.rstrip().endswith("--command sh ci/fleet diff --limit web")


@pytest.mark.slow
def test_the_collection_comes_from_the_tarball_beside_the_flake(job: Job, tarball: Path) -> None:
    (job.root / "vendor").mkdir()
    shutil.copy2(tarball, job.root / "vendor")
    shutil.copytree(CI / "collections", job.root / "collections")
    # The user's own Ansible, which looks where an unconfigured one does.
    job.program("ansible-playbook", f'exec {Path(sys.executable).parent}/ansible-playbook "$@"')
    job.program("ansible-galaxy", f'exec {Path(sys.executable).parent}/ansible-galaxy "$@"')
    done = job.run("build", "--syntax-check", "--inventory", "localhost,", HOME=str(job.root / "ci"), LC_ALL="C.UTF-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{job.root}/ci/.ansible/collections/ansible_collections/nix/fleet/playbooks/build.yml" in done.stdout
