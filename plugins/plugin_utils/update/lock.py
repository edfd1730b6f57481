# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock file of a flake: its inputs and their revisions, what moves from one to another, what Nix says of a flake; and an updated
one as a commit, on the branch that is checked out or on one of its own for others to review.

The format is that of the Nix manual, "nix flake", "Lock files".
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

from ..core.errors import GitError, UpdateError
from ..core.text import SHORT
from ..nix.store import is_store_path
from ..target.programs import program
from .git import OvertakenError

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..core.process import Completed
    from .git import Remote, Repository
    from .update import Draft, Place

LOCK = "flake.lock"
CONFLICT = ("<<<<<<<", "=======", ">>>>>>>")
# The deepest that an input of an input of … is looked for: each has a name and a place in a person's mind.
DEEPEST = 50


@dataclasses.dataclass(frozen=True)
class Locked:
    """What an input is locked to: ``attributes`` are those of its flake reference, ``date`` that of its last change (UTC)."""

    attributes: Mapping[str, t.Any]

    @property
    def key(self) -> str:
        """What is the same for the same attributes, and else another."""
        return json.dumps(self.attributes, sort_keys=True)

    @property
    def revision(self) -> str | None:
        """The commit, where the input has one, and else the hash of its files."""
        value = self.attributes.get("rev") or self.attributes.get("narHash")
        return None if value is None else str(value)

    @property
    def date(self) -> str | None:
        """The day of its last change."""
        seconds = self.attributes.get("lastModified")
        if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds <= 253402300799:
            return None
        return f"{datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc):%Y-%m-%d}"

    @property
    def text(self) -> str:
        """The revision and its date, for a person."""
        revision = (self.revision or "unknown").removeprefix("sha256-")[:SHORT]
        return f"{revision} ({self.date})" if self.date else revision


@dataclasses.dataclass(frozen=True)
class Move:
    """An input that is not where it was."""

    name: str
    before: Locked | None
    after: Locked | None

    @property
    def kind(self) -> str:
        """One of ``added``, ``removed`` and ``updated``."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "updated"

    @property
    def text(self) -> str:
        """The move in one line."""
        if self.before is None or self.after is None:
            return f"{self.name}: {(self.after or self.before or Locked({})).text} {self.kind}"
        return f"{self.name}: {self.before.text} → {self.after.text}"


def parse_lock(text: str, where: str) -> dict[str, Locked]:
    """Return what each input is locked to, by its path (``home-manager/nixpkgs``); inputs that follow others are left out.

    An empty text is that of a flake without a lock file. Raises ``UpdateError`` for what is none.
    """
    if any(line.startswith(mark) for line in text.splitlines() for mark in CONFLICT):
        raise UpdateError(
            f"{where} has the marks of a conflict: two branches have updated it differently",
            code="conflict",
            advice="take the file of either side (git checkout --ours flake.lock), and run again, which updates it from there",
        )
    if not text.strip():
        return {}
    try:
        data = json.loads(text)
        root = data["nodes"][data["root"]]
        return dict(_inputs(data["nodes"], root, ()))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UpdateError(
            f"{where} is no lock file: {type(error).__name__} {error}",
            code="bad_lock",
            advice="restore it (git checkout flake.lock), or remove it to have all inputs locked anew",
        ) from error


def moves(before: Mapping[str, Locked], after: Mapping[str, Locked]) -> tuple[Move, ...]:
    """Return what moved, in the order of the inputs' names."""
    names = sorted(before.keys() | after.keys())
    return tuple(Move(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name))


def message(moved: tuple[Move, ...], subject: str | None, details: str | None) -> str:
    """Return the message of the commit: a subject, what moved, and what else is to be said."""
    names = ", ".join(move.name for move in moved)
    subject = subject or (
        f"flake.lock: update {names}" if len(names) <= 50 else f"flake.lock: update {len(moved)} inputs"
    )
    parts = [subject, "\n".join(move.text for move in moved), (details or "").strip()]
    return "\n\n".join(filter(None, parts)) + "\n"


def _inputs(
    nodes: Mapping[str, t.Any], node: Mapping[str, t.Any], path: tuple[str, ...]
) -> Iterator[tuple[str, Locked]]:
    if len(path) > DEEPEST:
        raise ValueError("its inputs go in circles")
    for name, key in node.get("inputs", {}).items():
        if isinstance(key, list):
            continue
        below = nodes[key]
        here = (*path, str(name))
        yield "/".join(here), Locked(dict(below.get("locked") or {}))
        yield from _inputs(nodes, below, here)


def answer(done: Completed, cause: str, advice: str) -> t.Any:
    """Return what a command of Nix printed as JSON; raises ``UpdateError`` when it failed."""
    if not done.ok:
        raise UpdateError(cause, code="nix", command=done.argv, log=done.stderr, advice=advice)
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise UpdateError(f"{cause}: its answer is no JSON", code="nix", command=done.argv, log=done.stdout) from error


def metadata_result(data: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return what ``nix flake metadata --json`` says, as the value of a module's result."""
    dirty = data.get("dirtyRevision")
    inputs = (
        parse_lock(json.dumps(data.get("locks") or ""), "what Nix says of the lock file") if data.get("locks") else {}
    )
    return {
        "description": data.get("description"),
        "url": data.get("resolvedUrl") or data.get("originalUrl"),
        "locked_url": data.get("url") or data.get("lockedUrl"),
        "revision": data.get("revision") or dirty,
        "dirty": dirty is not None,
        "date": Locked({"lastModified": data.get("lastModified")}).date,
        "path": data.get("path"),
        "fingerprint": data.get("fingerprint"),
        "inputs": {
            name: {"revision": locked.revision, "date": locked.date, "locked": dict(locked.attributes)}
            for name, locked in inputs.items()
        },
    }


def sources(data: Mapping[str, t.Any]) -> list[str]:
    """Return the store paths that ``nix flake archive --json`` names, each once."""
    return [path for path in dict.fromkeys(_paths(data)) if is_store_path(path)]


def _paths(data: Mapping[str, t.Any]) -> Iterator[str]:
    if data.get("path"):
        yield str(data["path"])
    for below in (data.get("inputs") or {}).values():
        yield from _paths(below)


def lock_file_program(function: str) -> list[str]:
    """Return the command that calls ``function`` of target/lock_file.sh with the arguments that follow."""
    return ["sh", "-c", f'{program("lock_file")}\nlock_file_{function} "$@"', "sh"]


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
