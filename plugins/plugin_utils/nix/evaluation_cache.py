# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was evaluated before, on the controller's disk: by revision for any run, by task for the run under way."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import tempfile
import time
import typing as t
from pathlib import Path

from .evaluation import Evaluated, Failed

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .evaluation import Result

REVISIONS_KEPT = 64
TASK_SECONDS = 24 * 60 * 60


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

    def written(self, name: str) -> float | None:
        """Return when ``name`` was last written, or None."""
        try:
            return self._path(name).stat().st_mtime
        except FileNotFoundError:
            return None

    def touch(self, name: str) -> None:
        """Note that ``name`` was of use."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._path(name))

    def prune(self, *, keep: int | None = None, seconds: float | None = None) -> None:
        """Remove all but the ``keep`` newest, and what is older than ``seconds``."""
        newest_first = sorted(self._ages().items(), key=lambda item: item[1])
        for rank, (path, age) in enumerate(newest_first):
            if (keep is not None and rank >= keep) or (seconds is not None and age > seconds):
                path.unlink(missing_ok=True)

    def _ages(self) -> dict[Path, float]:
        ages = {}
        now = time.time()
        for path in self._directory.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                ages[path] = now - path.stat().st_mtime
        return ages

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.json"


class EvaluationCache:
    """The results and locks below one directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.revisions = JsonDirectory(directory / "revisions")
        self.tasks = JsonDirectory(directory / "tasks")
        self._locks = directory / "locks"
        self._locks.mkdir(mode=0o700, exist_ok=True)

    @classmethod
    def of_user(cls) -> EvaluationCache:
        """Return the cache of the user who runs Ansible."""
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return cls(Path(base) / "nix.fleet" / "evaluation")

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        """Hold the lock ``name`` if nobody else does; the value is whether it is held."""
        # So few that they need not be removed; two that meet in one only wait for each other.
        path = self._locks / name[:2]
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def prune(self) -> None:
        """Remove what is of no more use."""
        self.revisions.prune(keep=REVISIONS_KEPT)
        self.tasks.prune(seconds=TASK_SECONDS)


def key(*parts: t.Any) -> str:
    """Return a file name that stands for ``parts``."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:40]


def to_json(results: Mapping[str, Result]) -> dict[str, t.Any]:
    """Return ``results`` as plain data."""
    return {
        attribute: {"failed" if isinstance(result, Failed) else "evaluated": dataclasses.asdict(result)}
        for attribute, result in results.items()
    }


def from_json(data: t.Any) -> dict[str, Result]:
    """Read back ``to_json``; what another version wrote counts as nothing."""
    results: dict[str, Result] = {}
    for attribute, entry in (data or {}).items():
        with contextlib.suppress(TypeError):
            if "failed" in entry:
                results[attribute] = Failed(**{**entry["failed"], "command": tuple(entry["failed"]["command"])})
            elif "evaluated" in entry:
                results[attribute] = Evaluated(**entry["evaluated"])
    return results
