# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was evaluated in earlier runs, by revision, in a directory of the user's on the controller."""

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
from .result import Evaluated, from_json, to_json

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
        descriptor, draft = tempfile.mkstemp(dir=self._revisions, prefix=".")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({attribute: to_json(result) for attribute, result in results.items()}, file)
            Path(draft).replace(self._file(revision))
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
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
