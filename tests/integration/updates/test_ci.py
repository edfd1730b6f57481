# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of CI that propose an update: what they run comes to a commit on a branch, and to none when nothing is new."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import yaml

from ..fleet.lab import ROOT
from ..fleet.project import Project
from .inputs import GIT, Repository

pytestmark = pytest.mark.thorough
FORGES = ("github", "forgejo", "gitlab")
BRANCH = "update-flake-inputs"


def script(forge: str) -> str:
    """Return what a forge's job runs to make the update, up to the push, which the unit tests have."""
    if forge == "gitlab":
        lines = yaml.safe_load((ROOT / "examples/ci/gitlab/gitlab-ci.yml").read_text())["update"]["script"]
        return "\n".join(lines[: 1 + next(number for number, line in enumerate(lines) if "nothing new" in line)])
    steps = yaml.safe_load((ROOT / f"examples/ci/{forge}/update.yml").read_text())["jobs"]["update"]["steps"]
    return str(next(step["run"] for step in steps if step.get("id") == "update"))


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Repository]:
    """Return a clone whose remote is as a forge has it, of a fleet with an input that has moved."""
    with mock.patch.dict(os.environ, GIT):
        page = Repository.made(tmp_path / "page", flake="{ outputs = _: { }; }")
        flake = f'{{ inputs.page.url = "git+file://{page.path}"; outputs = _: {{ }}; }}'
        first = Repository.made(tmp_path / "first", flake=flake)
        hosts = {"web": {"nix_flake": "{{ inventory_dir }}", "nix_attr": "web"}}
        inventory = {"system_x86_64_linux": {"hosts": hosts}}
        (first.path / "hosts.yml").write_text(yaml.safe_dump(inventory))
        (first.path / "ansible.cfg").write_text("[defaults]\ninventory = hosts.yml\n")
        (first.path / "ci").mkdir()
        shutil.copy2(ROOT / "examples/ci/fleet", first.path / "ci/fleet")
        first.git("add", "--all")
        nix = ["nix", "--extra-experimental-features", "nix-command flakes"]
        environment = {**os.environ, "PATH": Project(tmp_path).path}
        subprocess.run([*nix, "flake", "lock"], cwd=first.path, env=environment, check=True, capture_output=True)
        first.commit("lock")
        first.git("clone", "--quiet", "--bare", str(first.path), str(tmp_path / "server"))
        first.git("clone", "--quiet", str(tmp_path / "server"), str(tmp_path / "work"))
        page.commit("newer")
        yield Repository(tmp_path / "work")


def runs(work: Repository, forge: str) -> str:
    """Run what the job runs, and return what it prints."""
    revision = work.git("rev-parse", "main")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script(forge)],
        cwd=work.path,
        env={
            **os.environ,
            "PATH": f"{ROOT / '.venv/bin'}:{Project(work.path).path}",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
            "ANSIBLE_CONFIG": "ansible.cfg",
            "FLEET_TOOLS": "path",
            "BRANCH": BRANCH,
            "GITHUB_SHA": revision,
            "GITHUB_OUTPUT": str(work.path.with_name("output")),
            "CI_COMMIT_SHA": revision,
            "GITLAB_USER_NAME": "Update",
            "GITLAB_USER_EMAIL": "update@example.org",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("forge", FORGES)
def test_what_is_new_is_one_commit_on_a_branch_whose_message_names_it(work: Repository, forge: str) -> None:
    assert "nothing new" not in runs(work, forge)
    assert work.git("rev-parse", f"{BRANCH}^") == work.git("rev-parse", "main")
    assert work.git("diff", "--name-only", "main", BRANCH) == "flake.lock"
    assert "page" in work.git("log", "-1", "--format=%B", BRANCH)
    if forge != "gitlab":
        assert work.path.with_name("output").read_text() == "changed=true\n"

    # It is merged, and the next night there is nothing.
    work.git("switch", "--quiet", "main")
    work.git("merge", "--quiet", BRANCH)
    work.git("branch", "--delete", BRANCH)
    assert "nothing new" in runs(work, forge)
