# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock file of a flake: its inputs and their revisions, what moves from one to another, and what Nix says of a flake.

The format is that of the Nix manual, "nix flake", "Lock files".
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

from ..core.errors import NixError
from ..core.text import SHORT
from ..nix.store import is_store_path

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..core.process import Completed

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

    An empty text is that of a flake without a lock file. Raises ``NixError`` for what is none.
    """
    if any(line.startswith(mark) for line in text.splitlines() for mark in CONFLICT):
        raise NixError(
            f"{where} has the marks of a conflict: two branches have updated it differently",
            code="update.conflict",
            advice="take the file of either side (`git checkout --ours flake.lock`), and run again, which updates it from there",
        )
    if not text.strip():
        return {}
    try:
        data = json.loads(text)
        root = data["nodes"][data["root"]]
        return dict(_inputs(data["nodes"], root, ()))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise NixError(
            f"{where} is no lock file: {type(error).__name__} {error}",
            code="update.bad_lock",
            advice="restore it (`git checkout flake.lock`), or remove it to have all inputs locked anew",
        ) from error


def moves(before: Mapping[str, Locked], after: Mapping[str, Locked]) -> tuple[Move, ...]:
    """Return what moved, in the order of the inputs' names."""
    names = sorted(before.keys() | after.keys())
    return tuple(Move(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name))


def message(moved: tuple[Move, ...], details: str) -> str:
    """Return the message of the commit: a subject, what moved, and what else is to be said."""
    names = ", ".join(move.name for move in moved)
    subject = f"flake.lock: update {names}" if len(names) <= 50 else f"flake.lock: update {len(moved)} inputs"
    parts = [subject, "\n".join(move.text for move in moved), details.strip()]
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
    """Return what a command of Nix printed as JSON; raises ``NixError`` when it failed."""
    if not done.ok:
        raise NixError(cause, code="update.nix", command=done.argv, log=done.stderr, advice=advice)
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise NixError(
            f"{cause}: its answer is no JSON", code="update.nix", command=done.argv, log=done.stdout
        ) from error


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
