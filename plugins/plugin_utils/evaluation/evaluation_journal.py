# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a task are told of their evaluation while it goes on: a file of JSON lines that only grows."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import typing as t

from ..nix.source import Snapshot
from .evaluation_result import Failed, from_json, to_json

if t.TYPE_CHECKING:
    from pathlib import Path

    from .evaluation_result import Result

# How a line of each kind begins. What another host's line is about, its beginning tells without that it is read.
SNAPSHOT = b'{"snapshot":'
FAILED = b'{"failed":'
RESULT = b'{"attribute":'


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a host gets: the result for its attribute, of which revision, and whether nothing had to be evaluated."""

    result: Result
    snapshot: Snapshot
    cached: bool


class Journal:
    """The revision that the task is about, or why there is none, and the results as they come.

    One process at a time writes it, the one that holds the lock. Each host reads on from where it was, and of the results
    only that for its own ``attribute``: all of them, for each of thousands of hosts, would be millions. Without an
    attribute, every result is read.
    """

    def __init__(self, path: Path, attribute: str | None = None) -> None:
        self._path = path
        self._beginnings = (SNAPSHOT, FAILED, _beginning(attribute))
        self._read = 0
        self.snapshot: Snapshot | None = None
        self.failed: Failed | None = None
        self.results: dict[str, Result] = {}
        self._cached: set[str] = set()

    def tell_snapshot(self, snapshot: Snapshot) -> None:
        """Write down which revision all hosts are of."""
        self._append({"snapshot": dataclasses.asdict(snapshot)})

    def tell_failure(self, failed: Failed) -> None:
        """Write down why no host gets a result."""
        self._append({"failed": to_json(failed)})

    def tell_result(self, attribute: str, result: Result, *, cached: bool) -> None:
        """Write down what became of an attribute."""
        self._append({"attribute": attribute, "result": to_json(result), "cached": cached})

    def read_on(self) -> None:
        """Take note of what was written since the last time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                written = file.read()
        except FileNotFoundError:
            return
        # The last line may still be on its way.
        complete = written[: written.rfind(b"\n") + 1]
        self._read += len(complete)
        for line in complete.splitlines():
            if line.startswith(self._beginnings):
                self._take(line)

    def forget(self, attribute: str) -> None:
        """Forget the failure that concerns ``attribute``, and the revision that it was of."""
        if self.failed or isinstance(self.results.get(attribute), Failed):
            self.failed = self.snapshot = None
            self.results.pop(attribute, None)

    def answer(self, attribute: str) -> Answer | None:
        """Return what there is for ``attribute``."""
        result = self.results.get(attribute) or self.failed
        if result is None:
            return None
        return Answer(result, self.snapshot or Snapshot(), attribute in self._cached)

    def _take(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            if "snapshot" in entry:
                self.snapshot, self.failed = Snapshot(**entry["snapshot"]), None
            elif "attribute" in entry:
                self.results[entry["attribute"]] = from_json(entry["result"])
                if entry["cached"]:
                    self._cached.add(entry["attribute"])
            elif isinstance(failed := from_json(entry["failed"]), Failed):
                self.failed = failed
        except (ValueError, TypeError, LookupError):
            # The rest of a line whose writer was killed.
            return

    def _append(self, entry: dict[str, t.Any]) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The line break before is for one that a killed writer could not end.
        line = f"\n{json.dumps(entry)}\n".encode()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        finally:
            os.close(descriptor)


def _beginning(attribute: str | None) -> bytes:
    """Return what a line with the result for ``attribute``, or for any, begins with."""
    return RESULT if attribute is None else f"{json.dumps({'attribute': attribute})[:-1]},".encode()
