# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Git repositories: one that is bare, as a forge has it, and clones of it."""

from __future__ import annotations

import os
import subprocess
import typing as t
from pathlib import Path

from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import Controller
from ansible_collections.nix.fleet.plugins.plugin_utils.update.git import Remote, Repository

IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Fleet"), ("EMAIL", "fleet@example.org"))
}
# Nothing that a test would depend on.
SETTINGS = {**IDENTITY, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}


def git(path: Path, *arguments: str) -> str:
    """Run Git in a directory, and return what it prints."""
    done = subprocess.run(
        ["git", "-C", str(path), *arguments],
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def bare(path: Path) -> Path:
    """Make a repository as a server has it, with a commit on `main`."""
    git(path.parent, "init", "--quiet", "--bare", "--initial-branch=main", str(path))
    first = clone(path, path.with_name(f"{path.name}-first"))
    commit(first, "first")
    git(first, "push", "--quiet", "origin", "main")
    return path


def clone(remote: Path, path: Path) -> Path:
    git(path.parent, "clone", "--quiet", str(remote), str(path))
    return path


def commit(path: Path, message: str) -> str:
    """Commit something, and return the revision."""
    git(path, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(path, "rev-parse", "HEAD")


def remote_of(path: Path, name: str = "origin", **rest: t.Any) -> Remote:
    """Return a remote of a clone, as the program has it."""
    return Remote(Repository(Controller(SETTINGS), str(path)), name, **rest)
