# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""As a user of the collection tests a role of their own: by the commands of docs/molecule.md, with the collection
installed from its tarball, and nothing of this clone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.tests.unit.documentation.commands import Block, blocks

ROOT = Path(__file__).resolve().parents[3]
PROJECT, WHILE_WRITING, MISTREATED = blocks(ROOT / "docs/molecule.md")


class Stranger:
    """A directory with somebody's project, and the collection installed from its tarball."""

    def __init__(self, root: Path) -> None:
        self.project, self.programs = root / "site", root / "bin"
        self.project.mkdir()
        self.programs.mkdir()
        for program in (ROOT / ".venv/bin").glob("*"):
            if program.name.startswith(("ansible", "molecule")):
                (self.programs / program.name).symlink_to(program)
        # ssh keeps its sockets below it, whose paths may have 107 characters.
        self.home = Path(tempfile.mkdtemp())

    def run(self, *command: str, at: Path | None = None, patience: int = 600) -> subprocess.CompletedProcess[str]:
        # Ansible and Molecule are this clone's; its settings, collections and Nix are not to be found.
        elsewhere = [directory for directory in os.get_exec_path() if not directory.startswith(str(ROOT))]
        environment = {
            "PATH": ":".join([str(self.programs), *elsewhere]),
            "HOME": str(self.home),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or f"{os.environ['HOME']}/.cache",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
        }
        return subprocess.run(
            command,
            cwd=at or self.project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=patience,
            check=False,
        )

    def types(self, block: Block) -> str:
        done = self.run("bash", "-euc", block.script)
        assert done.returncode == 0, done.stdout
        return done.stdout

    @property
    def installed(self) -> Path:
        return self.home / ".ansible/collections/ansible_collections/nix/fleet"


def files(installed: Path) -> dict[Path, int]:
    """Return what is installed, and when each file of it was written, without what Python keeps there for itself."""
    kept = (path for path in installed.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path: path.stat().st_mtime_ns for path in kept}


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Stranger]:
    stranger = Stranger(tmp_path)
    built = stranger.run("ansible-galaxy", "collection", "build", "--output-path", str(tmp_path), at=ROOT)
    assert built.returncode == 0, built.stdout
    (tarball,) = tmp_path.glob("nix-fleet-*.tar.gz")
    installed = stranger.run("ansible-galaxy", "collection", "install", "--offline", str(tarball))
    assert installed.returncode == 0, installed.stdout
    yield stranger
    stranger.run(str(stranger.installed / "tests/lab/lab"), "--project", str(stranger.project), "down")
    shutil.rmtree(stranger.home)


def test_a_user_tests_a_role_of_their_own_on_the_rehearsal_fleet(stranger: Stranger) -> None:
    before = files(stranger.installed)

    tested = stranger.types(PROJECT)

    done = re.findall(r"default > (\w+): Executed: Successful", tested.partition("DETAILS")[2])
    assert done == ["create", "converge", "idempotence", "verify", "destroy"]
    assert not (stranger.project / ".lab").exists()
    assert files(stranger.installed) == before
