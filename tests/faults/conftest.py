# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each worker has a rehearsal fleet of its own, of which it brings up the machines that its rows need."""

from __future__ import annotations

import shutil
import tempfile
import typing as t
from pathlib import Path

import pytest

from ..integration.conftest import Lab, new_lab
from .fleet import Machine
from .project import Project
from .report import Table
from .row import Row
from .scene import Scene

__all__ = ["new_lab"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that chooses a part."""
    parser.addoption("--representative", action="store_true", help="only the rows that stand for the others")


def pytest_configure(config: pytest.Config) -> None:
    """Have the table printed, once."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Table())


class Ground:
    """The fleet of this worker, and which of its machines are as a row should find them."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self._directory = directory
        self._whole: set[str] = set()
        self._project: Project | None = None

    def machine(self, name: str) -> Machine:
        """Return a machine that stands whole on a system, with a good line and room on its disk."""
        machine = Machine(self.lab, name)
        if name not in self._whole:
            # Whatever the last row has left there.
            self.lab("down", name)
            self.lab.bring_up(name)
        return machine

    def project(self) -> Project:
        """Return the project of this worker."""
        if self._project is None:
            self._project = Project.made_in(self._directory, self.lab.root)
        self._project.point_at(self.lab.root)
        self._project.write_playbook()
        return self._project

    def first_deployment(self, row: Row, machine: Machine, directory: Path) -> None:
        """Give a machine the system that its rows begin on."""
        if machine.name in self._whole:
            return
        scene = Scene(row, machine, self.project(), directory)
        scene.configure()
        ended = scene.deploy().ended()
        assert ended.rc == 0, ended.output

    def keep(self, name: str) -> None:
        """Take note that a machine is whole, and can be used again."""
        self._whole.add(name)

    def doubt(self, name: str) -> None:
        """Take note that a row begins, after which a machine may be anything."""
        self._whole.discard(name)


@pytest.fixture(scope="session")
def ground(new_lab: t.Callable[[str], Lab], tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Return the fleet of this worker."""
    return Ground(new_lab("faults"), tmp_path_factory.mktemp("project"))


@pytest.fixture
def directory() -> t.Iterator[Path]:
    """Return a directory with a short name, since sockets are made below it."""
    directory = Path(tempfile.mkdtemp(prefix="faults-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def scene(row: Row, ground: Ground, directory: Path) -> t.Iterator[Scene]:
    """Return the scene of a row: the machine on its first system, nothing wrong with it yet."""
    machine = ground.machine(row.host)
    project = ground.project()
    if row.builder:
        ground.machine(row.builder)
        ground.keep(row.builder)
    first = directory / "first"
    first.mkdir()
    ground.first_deployment(row, machine, first)
    ground.doubt(row.host)
    scene = Scene(row, machine, project, directory)
    yield scene
    machine.make_good()
