# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flake in a Git repository, with inputs in Git repositories of their own, none of which is farther than this disk."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

from ansible_collections.nix.fleet.tests.unit.plugin_utils.update import repositories

# Whoever tests here has a name, and no settings that a test would depend on.
GIT = repositories.SETTINGS


@dataclasses.dataclass(frozen=True)
class Repository:
    """A Git repository in a directory."""

    path: Path

    @classmethod
    def made(cls, path: Path, **files: str) -> Repository:
        """Make one with a commit of ``files``, whose names have no ending of their own."""
        path.mkdir(parents=True, exist_ok=True)
        repository = cls(path)
        repository.git("init", "--quiet", "--initial-branch=main")
        repository.commit("begin", **files)
        return repository

    def commit(self, message: str, **files: str) -> str:
        """Commit ``files`` (``flake`` is flake.nix), with whatever else has changed, and return the revision."""
        for name, text in files.items():
            (self.path / f"{name}.nix").write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        done = self.try_git(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def try_git(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = ["git", "-C", str(self.path), *arguments]
        variables = {**os.environ, **GIT, **environment}
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    @property
    def files(self) -> dict[str, str]:
        """What Git says of its files: empty when all is committed."""
        pairs = (line.split(maxsplit=1) for line in self.git("status", "--porcelain").splitlines())
        return {name: state for state, name in pairs}
