# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory of a flake on a machine; its lock file, made anew beside the old one and put in its place when all checks hold; and
that as a commit, on the branch that is checked out or on one of its own for others to review.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import gzip
import hashlib
import json
import shlex
import typing as t

from ..core.errors import GitError, NixError
from ..core.text import SHORT
from ..nix.command import nix, string_literal
from ..nix.source import NO_LOCK_FILE
from ..target.programs import program
from .git import OvertakenError, Repository
from .lock import LOCK, Move, answer, moves, parse_lock

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..nix.machine import Machine
    from .git import Remote


def update_command(flake: str, inputs: Sequence[str], output: str) -> list[str]:
    """Return the command that writes the updated lock file to ``output``, and leaves the flake's own as it is."""
    return nix("flake", "update", "--flake", flake, "--output-lock-file", output, "--", *inputs)


def check_command(flake: str, lock: str | None) -> list[str]:
    """Return the command that runs the flake's checks, with the lock file ``lock`` in place of its own."""
    return nix("flake", "check", *_reference(lock), "--", flake)


def archive_command(flake: str, lock: str | None) -> list[str]:
    """Return the command that has the flake and all its inputs in the store, and names them."""
    return nix("flake", "archive", "--json", *_reference(lock), "--", flake)


def metadata_command(flake: str, lock: str | None) -> list[str]:
    """Return the command that says what the flake is, and which inputs it has."""
    return nix("flake", "metadata", "--json", *_reference(lock), "--", flake)


def references_command(attributes: Sequence[Mapping[str, t.Any]]) -> list[str]:
    """Return the command that prints flake references, given as their attributes, as one JSON list of addresses."""
    expression = f"map builtins.flakeRefToString (builtins.fromJSON {string_literal(json.dumps(list(attributes)))})"
    return nix("eval", "--json", "--expr", expression)


def _reference(lock: str | None) -> list[str]:
    return [NO_LOCK_FILE] if lock is None else ["--reference-lock-file", lock, NO_LOCK_FILE]


def lock_file_program(function: str) -> list[str]:
    """Return the command that calls ``function`` of target/lock_file.sh with the arguments that follow."""
    return ["sh", "-c", f'{program("lock_file")}\nlock_file_{function} "$@"', "sh"]


CHANGED_MEANWHILE = 75


@dataclasses.dataclass(frozen=True)
class Place:
    """The directory of a flake on a machine."""

    machine: Machine
    directory: str

    @property
    def lock(self) -> str:
        """The path of the lock file."""
        return f"{self.directory}/{LOCK}"

    @property
    def repository(self) -> Repository:
        """The repository that the flake is in, if it is in one."""
        return Repository(self.machine, self.directory)

    def read(self) -> str:
        """Return the lock file's text, which is empty where there is none."""
        if not self.machine.existing([f"{self.directory}/flake.nix"]):
            raise NixError(
                f"there is no flake.nix in {self.directory} of {self.machine.name}",
                code="update.no_flake",
                advice="name the directory of the flake; only a flake in a directory can be updated",
            )
        if not self.machine.existing([self.lock]):
            return ""
        return self.printed("cat", "--", self.lock)

    def committed(self) -> str:
        """Return the lock file's text as of the last commit."""
        shown = self.repository.run("show", f"HEAD:./{LOCK}")
        return shown.stdout if shown.ok else ""

    def replace(self, expected: str, new: str) -> None:
        """Put the file ``new`` in the lock file's place, if that is still what the file ``expected`` has."""
        done = self.machine.run([*lock_file_program("replace"), self.lock, expected, new])
        if done.rc == CHANGED_MEANWHILE:
            raise NixError(
                f"{self.lock} was changed by somebody else meanwhile, and was left as it is now",
                code="update.overtaken",
                advice="run again, which begins with what is there now",
            )
        unwritten = NixError(
            f"{self.lock} cannot be written",
            code="update.not_written",
            advice="see that the directory can be written to",
        )
        done.or_raise(unwritten)

    def withdraw(self, ours: str) -> None:
        """Remove the lock file from directory and index, if it is still what the file ``ours`` has."""
        self.repository.run("reset", "--quiet", "--", LOCK)
        self.machine.run([*lock_file_program("withdraw"), self.lock, ours])

    def temporary(self) -> str:
        """Make a directory that only this user can read, and return its path."""
        return self.printed("mktemp", "-d").strip()

    def remove(self, directory: str) -> None:
        """Remove such a directory."""
        self.machine.run(["rm", "-rf", "--", directory])

    def write(self, text: str, path: str) -> None:
        """Write a text to a file."""
        data = base64.b64encode(gzip.compress(text.encode())).decode()
        unwritten = NixError(f"{path} cannot be written on {self.machine.name}", code="update.not_written")
        self.machine.run([*lock_file_program("write"), data, path]).or_raise(unwritten)

    def printed(self, *argv: str) -> str:
        """Return what a command prints; one that fails is an error."""
        failed = NixError(f"{shlex.join(argv)} failed on {self.machine.name}", code="update.command", command=argv)
        return self.machine.run(argv).or_raise(failed).stdout


UNKNOWN_INPUT = "does not match any input of this flake"


@dataclasses.dataclass(frozen=True)
class Draft:
    """A lock file that is not in place yet.

    ``found`` and ``new`` are files with what the flake's own had and with what it is to have; ``moved`` is what that
    changes, of the last commit where it is to be committed. ``beginning`` is by what the lock file found and the commit
    checked out then are known again.
    """

    place: Place
    directory: str
    text_found: str
    text_new: str
    moved: tuple[Move, ...]
    beginning: str

    @property
    def found(self) -> str:
        return f"{self.directory}/found"

    @property
    def new(self) -> str:
        return f"{self.directory}/new"

    @property
    def differs(self) -> bool:
        """Whether the lock file itself is to change."""
        return self.text_new != self.text_found

    def put_in_place(self) -> None:
        """Replace the flake's own; raises ``NixError`` when somebody else has changed it meanwhile."""
        if not self.differs:
            return
        self.place.replace(self.found, self.new)
        if not self.text_found:
            # In a repository, Nix takes no notice of a file that Git does not know of. Elsewhere there is nothing to tell.
            self.place.repository.run("add", "--intent-to-add", "--", LOCK)

    def take_back(self) -> None:
        """Undo that; a lock file that was none before goes again, and Git knows of it no more."""
        if self.differs and self.text_found:
            self.place.replace(self.new, self.found)
        elif self.differs:
            self.place.withdraw(self.new)


@contextlib.contextmanager
def drafted(
    place: Place,
    inputs: Sequence[str],
    given: str | None,
    beginning: str | None,
    *,
    since_commit: bool,
) -> Iterator[Draft]:
    """Yield the updated lock file, made from ``given`` or by Nix; its files are gone after the block.

    Raises ``NixError`` when ``beginning`` is given and the flake does not stand there any more.
    """
    found = place.read()
    here = _beginning(place, found)
    if beginning not in (None, here):
        raise NixError(
            f"{place.lock} or the commit that is checked out was changed by somebody else since this update was made, "
            "and both were left as they are now",
            code="update.overtaken",
            advice="run again, which begins with what is there now",
        )
    locked = parse_lock(found, place.lock)
    directory = place.temporary()
    try:
        place.write(found, f"{directory}/found")
        new = _given(place, given, directory) if given is not None else _updated(place, inputs, directory, found)
        before = parse_lock(place.committed(), f"{place.lock} of the last commit") if since_commit else locked
        moved = moves(before, parse_lock(new, "the new lock file"))
        yield Draft(place, directory, found, new, moved, here)
    finally:
        place.remove(directory)


def _beginning(place: Place, text: str) -> str:
    try:
        commit = place.repository.commit_named("HEAD")
    except NixError:
        # Without Git, the lock file alone tells.
        commit = None
    return hashlib.sha256(f"{commit or ''}\n{text}".encode()).hexdigest()


def addresses(place: Place, moved: Sequence[Move]) -> dict[str, str]:
    """Return the flake reference of everything that is named in ``moved``, by its ``key``."""
    locked = [each for move in moved for each in (move.before, move.after) if each is not None]
    if not locked:
        return {}
    known = [{name: value for name, value in each.attributes.items() if name != "__final"} for each in locked]
    done = place.machine.run(references_command(known))
    urls = answer(done, "Nix cannot write what the inputs are locked to as references", "see what Nix says")
    return {each.key: str(url) for each, url in zip(locked, urls, strict=True)}


def _given(place: Place, text: str, directory: str) -> str:
    if not text.strip():
        raise NixError(
            "the lock file that is given is empty",
            code="update.bad_lock",
            advice="give what an update has returned as lock",
        )
    place.write(text, f"{directory}/new")
    return text


def _updated(place: Place, inputs: Sequence[str], directory: str, found: str) -> str:
    argv = update_command(place.directory, inputs, f"{directory}/new")
    done = place.machine.run(argv)
    if not done.ok:
        raise NixError(
            "the inputs cannot be updated",
            code="update.not_updated",
            command=argv,
            log=done.stderr,
            advice="see what Nix says: an address that cannot be reached, or a token that is missing (nix_options: access-tokens)",
        )
    # To Nix that is worth a warning only.
    unknown = [line for line in done.stderr.splitlines() if UNKNOWN_INPUT in line]
    if unknown:
        raise NixError(
            unknown[0].partition("warning: ")[2] or unknown[0],
            code="update.unknown_input",
            command=argv,
            advice="name inputs as flake.nix does; an input of an input as home-manager/nixpkgs",
        )
    if not place.machine.existing([f"{directory}/new"]):
        place.write(found, f"{directory}/new")
        return found
    return place.printed("cat", "--", f"{directory}/new")


NAMED_FILES = 5


@dataclasses.dataclass(frozen=True)
class Committed:
    """A commit that there is now; ``changed`` says that there was none like it before."""

    revision: str | None
    branch: str | None
    changed: bool


def validate_clean(place: Place) -> None:
    """Raise ``NixError`` where a commit would not have what was updated and checked, or could not be made at all."""
    repository = place.repository
    repository.run("rev-parse", "--is-inside-work-tree").or_raise(
        NixError(
            f"{place.directory} is in no Git repository that could have a commit",
            code="update.no_repository",
            advice="leave commit and branch out, or name a clone on a host that may push (update_flake, update_on)",
        )
    )
    lines = repository.output("status", "--porcelain", "--untracked-files=no").splitlines()
    unmerged = [line[3:] for line in lines if "U" in line[:2] or line[:2] in ("AA", "DD")]
    if unmerged:
        raise NixError(
            f"a merge is under way in {place.directory}: {_names(unmerged)}",
            code="update.merge",
            advice="bring it to its end, or abort it (`git merge --abort`), and run again",
        )
    mine = repository.output("rev-parse", "--show-prefix").strip() + LOCK
    dirty = [line[3:] for line in lines if line[3:] != mine]
    if dirty:
        raise NixError(
            f"{place.directory} has changes that are not committed, which a check would see and a commit would not have: "
            f"{_names(dirty)}",
            code="update.dirty",
            advice="commit or stash them",
        )
    if repository.commit_named("HEAD") is None:
        raise NixError(
            f"{place.directory} has no commit yet that an update could follow",
            code="update.no_commit",
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
        raise NixError(
            f"somebody else has pushed to {branch} meanwhile, and it was left as it is",
            code="update.overtaken",
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
    uncommitted = NixError(
        f"the update of {place.directory} cannot be committed on top of {parent[:SHORT]}",
        code="update.not_committed",
        advice="see what Git says; user.name and user.email have to be set",
    )
    return place.machine.run(argv).or_raise(uncommitted).stdout.strip()


def _names(files: list[str]) -> str:
    more = f" and {len(files) - NAMED_FILES} more" if len(files) > NAMED_FILES else ""
    return f"{', '.join(files[:NAMED_FILES])}{more}"
