# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going back needs the target alone."""

from __future__ import annotations

import shutil

import pytest

from .changes import change_everything
from .lab import HOSTS, NIXOS, running
from .project import Project, Run


@pytest.fixture
def changed(project: Project) -> Project:
    """Return a project whose first web server has just gone from one new system to another."""
    for _time in range(2):
        change_everything(project)
        deploy(project, "-l", "vps-sg-1")
    return project


def test_the_previous_generation_comes_back_without_flake_and_builder(changed: Project) -> None:
    for part in ("flake.nix", "nix"):
        path = changed.root / part
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    now = running("vps-sg-1")
    run = changed.run("nix.fleet.rollback", "-l", "vps-sg-1")
    assert run.rc == 0, run.output
    then = running("vps-sg-1")
    assert then.generation == now.generation - 1
    assert then.system == then.default != now.system


@pytest.mark.thorough
def test_every_kind_of_host_goes_back(project: Project) -> None:
    change_everything(project)
    deploy(project)
    before = {host: running(host) for host in NIXOS}
    change_everything(project)
    assert deploy(project).hosts(changed=0) == set()
    run = project.run("nix.fleet.rollback")
    assert run.rc == 0, run.output
    assert run.hosts(changed=1) == set(HOSTS)
    assert {host: running(host) for host in NIXOS} == before


def deploy(project: Project, *arguments: str) -> Run:
    """Deploy and expect it to work."""
    run = project.run("deploy.yml", *arguments)
    assert run.rc == 0, run.output
    return run
