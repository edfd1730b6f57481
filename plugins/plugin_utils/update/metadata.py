# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nix says of a flake, and of the sources that it is made of."""

from __future__ import annotations

import json
import typing as t

from ..core.errors import UpdateError
from ..nix.store import is_store_path
from .lock import Locked, parse_lock

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..core.process import Completed


def answer(done: Completed, cause: str, advice: str) -> t.Any:
    """Return what a command of Nix printed as JSON; raises ``UpdateError`` when it failed."""
    if not done.ok:
        raise UpdateError(cause, command=done.argv, log=done.stderr, advice=advice)
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise UpdateError(f"{cause}: its answer is no JSON", command=done.argv, log=done.stdout) from error


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
