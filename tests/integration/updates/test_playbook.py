# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet's update by the playbook: every host is built and compared with it before anything is kept."""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from ..fleet.lab import cut, new_fleet, running
from ..fleet.project import Project
from .inputs import GIT, Repository

pytestmark = pytest.mark.thorough
HOSTS = ("vps-sg-1", "vps-sg-2")
RUN = ("-l", ",".join(HOSTS), "-e", "deploy_build_on=controller")


def site(text: str) -> str:
    """Return a flake that has the text of the page."""
    return f'{{ outputs = _: {{ text = host: "{text}"; }}; }}'


@dataclasses.dataclass(frozen=True)
class Fleet:
    """A project in Git whose web servers serve what one of the flake's inputs has."""

    project: Project
    repository: Repository
    site: Repository

    def update(self, *arguments: str) -> t.Any:
        return self.project.run("nix.fleet.update", *RUN, *arguments)

    def deploy(self) -> t.Any:
        return self.project.run("nix.fleet.deploy", *RUN)

    @property
    def locked(self) -> str:
        return (self.repository.path / "flake.lock").read_text()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return a project that both servers run."""
    new_fleet(*HOSTS)
    with mock.patch.dict(os.environ, GIT):
        root = tmp_path_factory.mktemp("updates")
        page = Repository.made(root / "site", flake=site("first"))
        yield Fleet(_project(root / "fleet", page.path), Repository(root / "fleet"), page)


def _project(directory: Path, page: Path) -> Project:
    directory.mkdir()
    project = Project.copied_to(directory)
    lab = directory / "inventory/group_vars/all/lab.yml"
    # The inputs are locked as a user's are, and not replaced at each run.
    overrides = dict(re.findall(r'^  (\S+): "(path:[^"]*)"$', lab.read_text(), re.MULTILINE))
    lab.write_text(lab.read_text().partition("deploy_override_inputs:")[0])
    flake = (directory / "flake.nix").read_text()
    for name, url in overrides.items():
        flake = re.sub(f'"github:[^/]*/{name}/[^"]*"', f'"{url}"', flake)
    flake = flake.replace("  inputs = {\n", f'  inputs = {{\n    site.url = "git+file://{page}";\n', 1)
    # What is made of the whole collection is no fleet's own.
    flake = re.sub(r"\n +# A flake that takes this one.*?(?=\n +templates\.default)", "", flake, flags=re.DOTALL)
    (directory / "flake.nix").write_text(flake)
    project.edit(
        "flake.nix",
        "        modules =\n          node:\n",
        "        modules =\n          node: [ { environment.etc.page.text = inputs.site.text node.name; } ] ++\n",
    )
    (directory / ".gitignore").write_text("/inventory/group_vars/all/lab.yml\n/inventory/host_vars/\n")
    repository = Repository.made(directory)
    repository.git("config", "user.name", "Fleet")
    made = project.run("nix.fleet.update", "nix.fleet.deploy", *RUN, "-e", "update_commit=true")
    assert made.rc == 0, made.output
    return project


def test_an_update_is_shown_for_each_host_committed_with_that_and_deployed(fleet: Fleet) -> None:
    revision = fleet.site.commit("second", flake=site("second"))
    before, head = running("vps-sg-1"), fleet.repository.git("rev-parse", "HEAD")

    predicted = fleet.update("--check", "-e", "update_commit=true")
    assert predicted.rc == 0, predicted.output
    assert f"site: {revision[:12]}" in predicted.output
    assert fleet.repository.git("rev-parse", "HEAD") == head
    assert fleet.repository.files == {}

    with cut("vps-sg-2"):
        run = fleet.update("-e", "update_commit=true")
    assert run.rc in (0, 4), run.output
    message = fleet.repository.git("log", "-1", "--format=%B")
    assert message.startswith("flake.lock: update site\n")
    assert "\nvps-sg-1:\nrebuilt: " in message
    assert "vps-sg-2" not in message
    committed = fleet.repository.git("rev-parse", "HEAD")[:12]
    assert f"kept of the update: moved site: commit {committed}" in run.output
    assert "kept of the update" not in predicted.output
    assert fleet.repository.files == {}
    assert running("vps-sg-1") == before

    deployed = fleet.deploy()
    assert deployed.rc == 0, deployed.output
    assert running("vps-sg-1").system != before.system


def test_an_update_that_was_kept_without_a_commit_is_committed_by_the_next_run(fleet: Fleet) -> None:
    fleet.site.commit("looked at", flake=site("looked at"))
    kept = ("-e", "update_check=false", "-e", "update_compare=false")
    assert fleet.update(*kept).rc == 0
    assert set(fleet.repository.files) == {"flake.lock"}
    run = fleet.update(*kept, "-e", "update_commit=true")
    assert run.rc == 0, run.output
    assert fleet.repository.git("log", "-1", "--format=%s") == "flake.lock: update site"
    assert fleet.repository.files == {}


def test_an_update_that_a_host_cannot_be_built_with_is_not_kept(fleet: Fleet) -> None:
    fleet.site.commit(
        "broken",
        flake='{ outputs = _: { text = host: if host == "vps-sg-2" then throw "no page today" else "third"; }; }',
    )
    before = fleet.locked
    run = fleet.update("-e", "update_check=false")
    assert run.rc == 2, run.output
    assert "no page today" in run.output
    assert "nothing is kept of the update, since these hosts cannot be built with it: vps-sg-2" in run.output
    assert fleet.locked == before
