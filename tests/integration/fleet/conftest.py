# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file of tests gets a rehearsal fleet of its own, and every test a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from .lab import HOSTS, new_fleet
from .project import Project


@pytest.fixture(scope="module", autouse=True)
def fleet() -> None:
    """Have all hosts up, as new."""
    new_fleet(*HOSTS)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a copy of the example project that the test may edit."""
    return Project.copied_to(tmp_path)


@pytest.fixture(scope="module")
def deployed_once(fleet: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Have the web servers run a system that they can go back to, for tests that do not ask which it is."""
    _deployed(Project.copied_to(tmp_path_factory.mktemp("first")), "vps")


@pytest.fixture
def deployed(project: Project) -> Project:
    """Return a project that the whole fleet runs."""
    return _deployed(project, "all")


@pytest.fixture
def servers(project: Project) -> Project:
    """Return a project that the web servers run."""
    return _deployed(project, "vps")


def _deployed(project: Project, limit: str) -> Project:
    run = project.run("nix.fleet.deploy", "-l", limit)
    assert run.rc == 0, run.output
    return project
