# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An updated lock file as a commit: on the branch that is checked out, or on one of its own for others to review."""

from __future__ import annotations

import dataclasses
import typing as t

from ..core.errors import GitError, UpdateError
from .git import SHORT, OvertakenError
from .lock import LOCK
from .update import lock_file_program

if t.TYPE_CHECKING:
    from .git import Remote, Repository
    from .update import Draft, Place

NAMED_FILES = 5


@dataclasses.dataclass(frozen=True)
class Committed:
    """A commit that there is now; ``changed`` says that there was none like it before."""

    revision: str | None
    branch: str | None
    changed: bool


def validate_clean(place: Place, *, allow: bool) -> None:
    """Raise ``UpdateError`` where a commit would not have what was updated and checked, or could not be made at all."""
    repository = place.repository
    repository.run("rev-parse", "--is-inside-work-tree").or_raise(
        UpdateError(
            f"{place.directory} is in no Git repository that could have a commit",
            code="no_repository",
            advice="leave commit and branch out, or name a clone on a host that may push (update_flake, update_on)",
        )
    )
    lines = repository.output("status", "--porcelain", "--untracked-files=no").splitlines()
    unmerged = [line[3:] for line in lines if "U" in line[:2] or line[:2] in ("AA", "DD")]
    if unmerged:
        raise UpdateError(
            f"a merge is under way in {place.directory}: {_names(unmerged)}",
            code="merge",
            advice="bring it to its end, or abort it (git merge --abort), and run again",
        )
    mine = repository.output("rev-parse", "--show-prefix").strip() + LOCK
    dirty = [line[3:] for line in lines if line[3:] != mine]
    if dirty and not allow:
        raise UpdateError(
            f"{place.directory} has changes that are not committed, which a check would see and a commit would not have: "
            f"{_names(dirty)}",
            code="dirty",
            advice="commit or stash them, or set allow_dirty",
        )
    if repository.commit_named("HEAD") is None:
        raise UpdateError(
            f"{place.directory} has no commit yet that an update could follow",
            code="no_commit",
            advice="commit the flake first",
        )


def commit_here(draft: Draft, message: str) -> Committed:
    """Commit the lock file, and nothing else, on the branch that is checked out."""
    place = draft.place
    repository = place.repository
    known = repository.run("ls-files", "--error-unmatch", "--", LOCK).ok
    try:
        # A file that Git does not know of yet cannot be named to a commit.
        repository.output("add", "--intent-to-add", "--", LOCK)
        repository.output("commit", "--quiet", "--only", "--message", message, "--", LOCK)
    except GitError:
        if not known:
            repository.run("reset", "--quiet", "--", LOCK)
        draft.take_back()
        raise
    branch = repository.run("symbolic-ref", "--quiet", "--short", "HEAD").stdout.strip()
    return Committed(repository.commit_named("HEAD"), branch or None, changed=True)


def push_for_review(draft: Draft, message: str, branch: str, remote: Remote, *, check: bool) -> Committed:
    """Have the remote's ``branch`` be one commit after the one that is checked out; a branch that is just that stays.

    What was on the branch before, such as the update of yesterday, is replaced.
    """
    repository = draft.place.repository
    repository.validate_branch(branch)
    parent = repository.output("rev-parse", "HEAD").strip()
    before = remote.head(branch)
    if before is not None and _is_same(repository, remote, branch, before, parent, draft):
        return Committed(before, branch, changed=False)
    if check:
        return Committed(None, branch, changed=True)
    revision = _commit_beside(draft, parent, message)
    try:
        remote.move(branch, before, revision)
    except OvertakenError as overtaken:
        raise UpdateError(
            f"somebody else has pushed to {branch} meanwhile, and it was left as it is",
            code="overtaken",
            advice="run again, which looks at what is there now",
        ) from overtaken
    return Committed(revision, branch, changed=True)


def _is_same(repository: Repository, remote: Remote, branch: str, revision: str, parent: str, draft: Draft) -> bool:
    """Whether the branch is one commit after ``parent`` that has the new lock file and no other change."""
    if repository.commit_named(revision) is None and not remote.fetch(f"refs/heads/{branch}"):
        return False
    if repository.run("rev-parse", "--verify", "--quiet", f"{revision}^").stdout.strip() != parent:
        return False
    changed = repository.run("diff-tree", "--no-commit-id", "--name-only", "-r", parent, revision).stdout.split()
    prefix = repository.output("rev-parse", "--show-prefix").strip()
    text = repository.run("show", f"{revision}:{prefix}{LOCK}")
    return changed == [f"{prefix}{LOCK}"] and text.ok and text.stdout == draft.text_new


def _commit_beside(draft: Draft, parent: str, message: str) -> str:
    place = draft.place
    argv = [
        *lock_file_program("commit_beside"),
        place.directory,
        f"{draft.directory}/index",
        draft.new,
        parent,
        message,
    ]
    uncommitted = UpdateError(
        f"the update of {place.directory} cannot be committed on top of {parent[:SHORT]}",
        code="not_committed",
        advice="see what Git says; user.name and user.email have to be set",
    )
    return place.machine.run(argv).or_raise(uncommitted).stdout.strip()


def _names(files: list[str]) -> str:
    more = f" and {len(files) - NAMED_FILES} more" if len(files) > NAMED_FILES else ""
    return f"{', '.join(files[:NAMED_FILES])}{more}"
