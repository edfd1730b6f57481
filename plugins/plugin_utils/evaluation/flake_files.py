# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of the controller make up a flake, as Nix there would find, where there is none.

In a Git repository these are the files that Git knows of, as they are in the working tree; without one, all files.
"""

from __future__ import annotations

import dataclasses
import os
import typing as t
from pathlib import Path

from ..core import process
from ..core.errors import EvaluationError

if t.TYPE_CHECKING:
    from ..core.process import Completed
    from ..nix.archive import Tree

# A look at a repository must not wait for, or disturb, somebody who works in it.
UNDISTURBING = {"GIT_OPTIONAL_LOCKS": "0"}


@dataclasses.dataclass(frozen=True)
class FlakeFiles:
    """The files of a flake, where in them it is, and the revision that they are of.

    ``revision`` is that of the last commit, made at ``seconds`` (since 1970). Without a repository, or a commit in it,
    there is none. ``dirty`` says that the files are not quite those of the commit.
    """

    tree: Tree
    directory: str = ""
    revision: str | None = None
    seconds: int | None = None
    dirty: bool = False


def flake_files(flake: str) -> FlakeFiles:
    """Return the files of the flake in the directory ``flake``; raises ``EvaluationError`` where there is none."""
    # The path of a repository is as its user names it, as in Nix: Git would resolve links.
    directory = Path(os.path.normpath(flake))
    if not directory.is_dir():
        raise EvaluationError(
            f"there is no directory {directory} on the controller, from where it is to be sent",
            advice="name the directory of the flake, or a flake reference that the machine can fetch itself",
        )
    for root in (directory, *directory.parents):
        if (root / ".git").exists():
            return _of_repository(root, directory)
    return FlakeFiles(_all_files(directory))


def _of_repository(root: Path, directory: Path) -> FlakeFiles:
    tree: dict[str, t.Any] = {}
    for name in _git(root, "ls-files", "-z", "--cached").stdout.split("\0"):
        path = root / name
        # A file that was deleted, and the directory of a submodule, are none of the flake's files to Nix either.
        if name and (path.is_symlink() or path.is_file()):
            *above, last = name.split("/")
            place = tree
            for part in above:
                place = place.setdefault(part, {})
            place[last] = path
    dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=no").stdout)
    inside = "" if directory == root else directory.relative_to(root).as_posix()
    commit = _run(root, "log", "-1", "--no-show-signature", "--format=%H %ct")
    if not commit.ok:
        return FlakeFiles(tree, inside, dirty=True)
    revision, seconds = commit.stdout.split()
    return FlakeFiles(tree, inside, revision, int(seconds), dirty)


def _all_files(directory: Path) -> dict[str, t.Any]:
    return {
        entry.name: _all_files(entry) if entry.is_dir() and not entry.is_symlink() else entry
        for entry in directory.iterdir()
        if entry.is_dir() or entry.is_file() or entry.is_symlink()
    }


def _git(root: Path, *arguments: str) -> Completed:
    completed = _run(root, *arguments)
    if not completed.ok:
        raise EvaluationError(
            f"{root} is a Git repository, and Git cannot say which files are in it",
            command=completed.argv,
            log=completed.stderr,
            advice="see what Git says; or give a flake reference that the machine can fetch itself",
        )
    return completed


def _run(root: Path, *arguments: str) -> Completed:
    command = ["git", "-C", str(root), *arguments]
    try:
        return process.run(command, environment=UNDISTURBING, errors="surrogateescape")
    except FileNotFoundError as missing:
        raise EvaluationError(
            f"{root} is a Git repository, and there is no Git on the controller to say which files are in it",
            command=command,
            advice="install Git there; or give a flake reference that the machine can fetch itself",
        ) from missing
