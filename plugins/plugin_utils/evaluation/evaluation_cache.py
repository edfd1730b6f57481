# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was evaluated before, on the controller's disk: by revision for any run, by task for the run under way."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
import time
import typing as t
from pathlib import Path

from ..core.errors import NixError
from ..core.private_directory import private_directory
from .evaluation_journal import Journal
from .evaluation_result import Evaluated, from_json, to_json
from .waiting_room import WaitingRoom

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# By when they were last of use.
REVISIONS_KEPT = 64
# By when they were last written to: one that is waited for is written to with each result.
TASKS_KEPT = 256
TASK_SECONDS = 24 * 60 * 60
ADVICE = "name another place for caches in XDG_CACHE_HOME, or mend this one"


class JsonDirectory:
    """A directory of small JSON files, each replaced as a whole and read by its owner only."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, name: str) -> t.Any:
        """Return what is written as ``name``, or None."""
        try:
            return json.loads(self._path(name).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None

    def write(self, name: str, value: t.Any) -> None:
        """Write ``value`` as ``name`` in one step."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self._directory, prefix=".")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(value, file)
            Path(temporary).replace(self._path(name))
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def touch(self, name: str) -> None:
        """Note that ``name`` was of use."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._path(name))

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.json"


class EvaluationCache:
    """The results and locks below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        private_directory(directory, advice=ADVICE)
        self._revisions = JsonDirectory(directory / "revisions")
        self._locks = directory / "locks"
        private_directory(self._locks, advice=ADVICE)

    @classmethod
    def of_user(cls) -> EvaluationCache:
        """Return the cache of the user who runs Ansible."""
        try:
            base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        except RuntimeError as error:
            raise NixError("whoever runs Ansible has no home for caches", advice=ADVICE) from error
        return cls(Path(base) / "nix.fleet" / "evaluation")

    def journal(self, task: str, attribute: str | None = None) -> Journal:
        """Return what the hosts of ``task`` are told, of all results or of that for ``attribute``."""
        return Journal(self.directory / "tasks" / f"{task}.jsonl", attribute)

    def known(self, revision: str) -> dict[str, Evaluated]:
        """Return what is known of ``revision``, which is of use once more."""
        self._revisions.touch(revision)
        known = {}
        for attribute, data in (self._revisions.read(revision) or {}).items():
            # What another version wrote counts as nothing.
            with contextlib.suppress(TypeError, LookupError):
                result = from_json(data)
                if isinstance(result, Evaluated):
                    known[attribute] = result
        return known

    def keep(self, revision: str, results: Mapping[str, Evaluated]) -> None:
        """Write down all that is known of ``revision``, and forget those that were not of use for longest."""
        self._revisions.write(revision, {attribute: to_json(result) for attribute, result in results.items()})
        prune(self.directory / "revisions", keep=REVISIONS_KEPT)

    def forget_tasks(self) -> None:
        """Remove what hosts of tasks that are over were told."""
        prune(self.directory / "tasks", keep=TASKS_KEPT, seconds=TASK_SECONDS)

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[t.IO[str] | None]:
        """Hold the lock ``name`` if nobody else does; the value is the file that it is held by, or None.

        A process that is handed this file holds the lock as well, until it ends.
        """
        # So few that they need not be removed; two that meet in one only wait for each other.
        path = self._locks / name[:2]
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            yield file

    def waiting_room(self, name: str) -> WaitingRoom:
        """Return where those wait for their results who do not hold the lock ``name``."""
        return WaitingRoom(self._locks / f"{name[:2]}.waiting")


def prune(directory: Path, *, keep: int | None = None, seconds: float | None = None) -> None:
    """Remove all files in ``directory`` but the ``keep`` newest, and those that are older than ``seconds``."""
    newest_first = sorted(_ages(directory).items(), key=lambda item: item[1])
    for rank, (path, age) in enumerate(newest_first):
        if (keep is not None and rank >= keep) or (seconds is not None and age > seconds):
            path.unlink(missing_ok=True)


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
