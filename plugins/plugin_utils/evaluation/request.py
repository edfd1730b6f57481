# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task asks to be evaluated: of which revision that is, what became of an attribute, and the cache from run to run."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import re
import time
import typing as t
from pathlib import Path

from ..core.errors import EvaluationError, NixError
from ..core.private_directory import private_directory, replace_file
from ..core.process import CommandTimeoutError
from ..nix.log import NixLog, readable
from ..nix.machine import BUSY, BUSY_ADVICE
from ..nix.source import Snapshot, Source

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from ..nix.machine import Machine

# What Nix says, the code that stands for it, and what to do about it.
DIAGNOSES = (
    (BUSY, "busy", BUSY_ADVICE),
    (
        re.compile(
            r"pure eval|forbidden in pure|attribute 'currentSystem' missing|is not allowed in pure", re.IGNORECASE
        ),
        "impure",
        "if the configuration is meant to depend on the machine that evaluates it, set impure (nix_impure)",
    ),
    (
        re.compile(r"not tracked by Git", re.IGNORECASE),
        "untracked_file",
        "`git add` the file: a flake in a Git repository consists of the files that Git knows",
    ),
    (
        re.compile(r"does not exist in Git repository", re.IGNORECASE),
        "missing_file",
        "correct its name, or make it and `git add` it: a flake consists of the files that Git knows",
    ),
    (
        re.compile(r"Could not resolve|unable to download|Failed to open archive|cannot fetch", re.IGNORECASE),
        "network",
        "check the network, or lock the flake's inputs to something that this machine has",
    ),
    (
        re.compile(
            r"""(?:path|opening file|getting status of) ['"]?/nix/store/[^'"]+['"]?:? (?:does not exist|No such file)""",
            re.IGNORECASE,
        ),
        "missing_file",
        "the configuration names a file that is not there: correct its name, or add it",
    ),
    (
        re.compile(
            r"does not contain a '?/?flake\.nix|could not find a flake\.nix|does not exist|getting status of",
            re.IGNORECASE,
        ),
        "no_flake",
        "check the path: a flake is taken on the machine that evaluates it, and only a plain path, without path: before"
        " it, is sent there from the controller (send_flake)",
    ),
)


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """What an attribute evaluated to: a derivation, or with ``apply`` any value; and what Nix warned of meanwhile.

    ``library`` is the version of the library that made the flake's outputs, where that is ours.
    """

    drv_path: str | None = None
    out_path: str | None = None
    value: t.Any = None
    warnings: tuple[str, ...] = ()
    library: str | None = None


@dataclasses.dataclass(frozen=True)
class Failed:
    """Why an attribute did not evaluate; see ``NixError`` for the fields."""

    cause: str
    command: tuple[str, ...] = ()
    log: str = ""
    advice: str | None = None
    code: str = "failed"

    @classmethod
    def of(cls, error: NixError) -> Failed:
        """Return what an exception says."""
        return cls(error.cause, error.command, error.log, error.advice, error.code.rpartition(".")[2])

    def error(self, host: str | None = None) -> EvaluationError:
        """Return the failure as an exception."""
        return EvaluationError(
            self.cause, code=self.code, host=host, command=self.command, log=self.log, advice=self.advice
        )


Result = Evaluated | Failed


def to_json(result: Result) -> dict[str, t.Any]:
    """Return ``result`` as plain data."""
    return {"failed" if isinstance(result, Failed) else "evaluated": dataclasses.asdict(result)}


def from_json(data: t.Any) -> Result:
    """Read back ``to_json``; raises ``TypeError`` or ``LookupError`` at what another version wrote."""
    if "failed" in data:
        return Failed(**{**data["failed"], "command": tuple(data["failed"]["command"])})
    return Evaluated(**{**data["evaluated"], "warnings": tuple(data["evaluated"].get("warnings", ()))})


def diagnosis(log: str) -> tuple[str, str]:
    """Return the code and the advice for an error, by what Nix says of it."""
    for pattern, code, advice in DIAGNOSES:
        if pattern.search(log):
            return code, advice
    return "nix", "repeat the command with --show-trace to see the way to the error"


# Nix says both where it is kept from writing the lock file.
_NOT_WRITTEN = "not writing modified lock file"
_UNLOCKED = re.compile("^• (?:Added|Updated) input '([^']+)'", re.MULTILINE)
# A commit by SHA-1 or SHA-256 (https://git-scm.com/docs/hash-function-transition), or what Nix calls narHash.
REVISION = re.compile("[0-9a-f]{40}|[0-9a-f]{64}|sha256-[A-Za-z0-9+/]{43}=")


@dataclasses.dataclass(frozen=True)
class Request:
    """What a task asks for: a source or a function of it, and within which bounds.

    A flake is to be at one of ``revisions``, if there are any, and with ``require_lock`` all its inputs locked. ``commit`` is
    what a job server says its files are of.
    """

    source: Source
    apply: str | None = None
    timeout: float | None = None
    memory: int | None = None
    revisions: Sequence[str] = ()
    require_lock: bool = False
    commit: str | None = None

    def key(self, machine: Machine) -> str:
        """Return what stands for everything that decides on the result, but for the revision."""
        return key(self.source.identity(), self.apply, machine.name)

    def snapshot(self, machine: Machine) -> Snapshot | Failed:
        """Return the revision that the source is at, or why it has none or another than it is to be at."""
        found = take_snapshot(self.source, machine, self.timeout)
        if isinstance(found, Failed):
            return found
        if self.require_lock and found.unlocked:
            return Failed(not_locked(self.source, found), advice=LOCK_ADVICE, code="not_locked")
        return (other_than(self.revisions, self.source, found, self.commit) if self.revisions else None) or found

    def at(self, snapshot: Snapshot) -> Source:
        """Return the source, which must be at the revision that was named even if it moves on meanwhile."""
        return dataclasses.replace(self.source, flake=snapshot.locked_url) if self.revisions else self.source


def take_snapshot(source: Source, machine: Machine, timeout: float | None = None) -> Snapshot | Failed:
    """Ask which revision a flake is at; anything else has none."""
    if source.flake is None:
        return Snapshot()
    command = source.metadata()
    readable_command = tuple(readable(command))
    try:
        completed = machine.run(command, timeout=timeout)
    except CommandTimeoutError as late:
        cause = f"{source.name}: {late}"
        return Failed(cause, readable_command, advice="allow more seconds in timeout", code="timeout")
    log = NixLog().read_all(completed.stderr)
    if completed.ok:
        try:
            snapshot = Snapshot.from_json(completed.stdout)
        except ValueError as error:
            return Failed(
                f"{source.name}: Nix was to say which revision it is, and said something else ({error})",
                readable_command,
                log.text,
                "see whether the Nix there is the real one: `nix flake metadata --json`",
                "bad_answer",
            )
        snapshot = dataclasses.replace(snapshot, unlocked=unlocked_inputs(log, source.override_inputs))
        if source.dirty_revision is None:
            return snapshot
        return dataclasses.replace(snapshot, revision=source.dirty_revision, dirty=True)
    cause = (log.cause or f"Nix ended with exit code {completed.rc}").splitlines()[0]
    code, advice = diagnosis(log.text)
    return Failed(f"{source.name}: {cause}", readable_command, log.text, advice, code)


LOCK_ADVICE = "run `nix flake lock` in it, and commit flake.lock"


def unlocked_inputs(log: NixLog, overridden: Collection[str]) -> list[str]:
    """Return the inputs that Nix has found a revision for by itself, but for those that it was given one."""
    changes = "\n".join(message.text for message in log.messages if _NOT_WRITTEN in message.text)
    given = tuple(f"{name}/" for name in overridden)
    found = (f"{name}/" for name in _UNLOCKED.findall(changes))
    return list(dict.fromkeys(name.partition("/")[0] for name in found if not name.startswith(given)))


def not_locked(source: Source, snapshot: Snapshot) -> str:
    """Return what is to be said of inputs without a lock."""
    return f"{source.name} is not locked ({', '.join(snapshot.unlocked)}): another run may be of other inputs"


def named_revisions(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the revisions that an option names, without what is empty; raises ``EvaluationError`` for what is none."""
    named = tuple(text for text in texts if text)
    for text in named:
        if not REVISION.fullmatch(text):
            raise EvaluationError(
                f"revision: {text!r} is neither the whole name of a commit nor the hash of a flake's files",
                code="not_a_revision",
                advice="name it as a build says it; changes that are not committed are of no revision: commit them, and"
                " build again (deploy_revision)",
            )
    return named


def other_than(named: Sequence[str], source: Source, snapshot: Snapshot, commit: str | None = None) -> Failed | None:
    """Return why the flake is not at a revision of ``named``, if it is not."""
    if snapshot.identity in named:
        return None
    there = snapshot.revision or commit or snapshot.identity
    # A hash tells a person nothing, where a commit does.
    commits = [each for each in named if not each.startswith("sha256-")]
    wanted = " or ".join((commits if snapshot.revision or commit else None) or named)
    first = "commit its changes, " if snapshot.dirty else ""
    advice = f"{first}build what is there now and have that approved, or have the flake as it was (deploy_revision)"
    if there is None:
        cause = f"{source.name} is of no known revision, and is to be at {wanted}"
    else:
        cause = f"{source.name} is at revision {there}, and is to be at {wanted}"
    return Failed(cause, advice=advice, code="other_revision")


# By when they were last of use.
REVISIONS_KEPT = 64
ADVICE = "name another place for caches in XDG_CACHE_HOME, or mend this one"


class EvaluationCache:
    """A small JSON file for each revision, replaced as a whole and read by its owner only, and locks among runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._revisions = directory / "revisions"
        self._locks = directory / "locks"
        for each in (directory, self._locks):
            private_directory(each, advice=ADVICE)

    @classmethod
    def of_user(cls) -> EvaluationCache:
        """Return the cache of the user who runs Ansible."""
        try:
            base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        except RuntimeError as error:
            raise NixError("whoever runs Ansible has no home for caches", code="no_home", advice=ADVICE) from error
        return cls(Path(base) / "nix.fleet" / "evaluation")

    def known(self, revision: str) -> dict[str, Evaluated]:
        """Return what is known of ``revision``, which is of use once more."""
        file = self._file(revision)
        try:
            os.utime(file)
            written = json.loads(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        known = {}
        for attribute, data in written.items():
            # What another version wrote counts as nothing.
            with contextlib.suppress(TypeError, LookupError):
                result = from_json(data)
                if isinstance(result, Evaluated):
                    known[attribute] = result
        return known

    def keep(self, revision: str, results: Mapping[str, Evaluated]) -> None:
        """Write down all that is known of ``revision``, and forget those that were not of use for longest."""
        self._revisions.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps({attribute: to_json(result) for attribute, result in results.items()})
        replace_file(self._file(revision), text)
        newest_first = sorted(_ages(self._revisions).items(), key=lambda item: item[1])
        for path, _age in newest_first[REVISIONS_KEPT:]:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the lock ``name``, which no other run has meanwhile."""
        # So few that they need not be removed; two that meet in one only wait for each other.
        with (self._locks / name[:2]).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _file(self, revision: str) -> Path:
        return self._revisions / f"{revision}.json"


def _ages(directory: Path) -> dict[Path, float]:
    ages = {}
    now = time.time()
    for path in directory.glob("*"):
        with contextlib.suppress(FileNotFoundError):
            ages[path] = now - path.stat().st_mtime
    return ages


def key(*parts: t.Any) -> str:
    """Return a file name that stands for ``parts``."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:40]
