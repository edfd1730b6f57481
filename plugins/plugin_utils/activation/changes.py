# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment or a rollback changes on a machine, package by package."""

from __future__ import annotations

import dataclasses
import re
import shlex
import typing as t

from ..core.errors import NixError
from ..core.process import ConnectionLostError
from ..nix.closure_diff import ClosureDiff, closure_diff
from ..nix.store import StorePathInfo, parse_path_sizes, path_sizes
from ..target.programs import calling, program

if t.TYPE_CHECKING:
    from ..core.process import Completed, ScriptLink

# A unit is its file and what is added to it. What else is in there are directories of links.
BETWEEN = "then"
MISSING = "missing"


def changes(
    link: ScriptLink,
    before: str,
    after: str,
    *,
    source: t.Callable[[list[str]], Completed] | None = None,
) -> ClosureDiff | None:
    """Compare the closure that a target had with the one it is to have, in one round trip.

    ``source`` runs a command where the new closure is when the target has not received it yet. None when one of
    the two cannot be listed: showing less never fails a deployment that has succeeded.
    """
    try:
        old, new = _listed(link, *(shlex.join(path_sizes(path, closure=True)) for path in (before, after)))
        if new is None and source is not None:
            answer = source(path_sizes(after, closure=True))
            new = parse_path_sizes(answer.stdout) if answer.ok else None
    except (ConnectionLostError, NixError, OSError):
        return None
    return None if old is None or new is None else closure_diff(old, new)


def _listed(link: ScriptLink, before: str, after: str) -> tuple[list[StorePathInfo] | None, list[StorePathInfo] | None]:
    """Return what two commands list, by one script; None for one that fails."""
    first, second = (f"{{ {command}; }} 2>/dev/null || echo {MISSING}\n" for command in (before, after))
    old, between, new = link.run(f"{first}echo {BETWEEN}\n{second}").stdout.partition(f"{BETWEEN}\n")
    return (_read(old), _read(new)) if between else (None, None)


def _read(listing: str) -> list[StorePathInfo] | None:
    return None if MISSING in listing.splitlines() else parse_path_sizes(listing)


@dataclasses.dataclass(frozen=True)
class UnitChanges:
    """What a closure that a machine does not have yet changes of its units, by their files."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return a line for each kind of change."""
        kinds = (("run and change", self.changed), ("run and go", self.removed), ("are new", self.added))
        lines = [f"units that {what}: {', '.join(units)}" for what, units in kinds if units]
        return "\n".join(lines or ["no unit changes"])


def unit_changes(
    link: ScriptLink, before: str, after: str, *, source: t.Callable[[list[str]], Completed]
) -> UnitChanges | None:
    """Compare the units of what a machine runs with those of a closure that is where ``source`` runs a command.

    None where that closure is on the machine, which then knows more, or where one of the two has no units.
    """
    there = f"{program('store')}\n{shlex.join(['store_units_before', before, after])}\n"
    try:
        old_list, between, running = link.run(there).stdout.partition(f"{BETWEEN}\n")
        new = _units(source(["sh", "-c", calling("store", "store_units"), "sh", after]).stdout) if between else {}
    except (ConnectionLostError, NixError, OSError):
        return None
    old = _units(old_list)
    if not old or not new:
        return None
    # An instance has the file of its template.
    runs = {unit: re.sub("@.*[.]", "@.", unit) for unit in running.split()}
    return UnitChanges(
        changed=tuple(unit for unit, file in runs.items() if file in old and file in new and old[file] != new[file]),
        removed=tuple(unit for unit, file in runs.items() if file in old and file not in new),
        added=tuple(sorted(unit for unit in new if unit not in old)),
    )


def _units(listing: str) -> dict[str, tuple[str, ...]]:
    """Read what ``store_units`` prints: by unit, what its files are."""
    units: dict[str, tuple[str, ...]] = {}
    for line in listing.splitlines():
        checksum, size, name = line.split(" ", 2)
        # Some versions print a line for a directory.
        if name.endswith((".wants", ".requires", ".d")):
            continue
        unit = name.partition("/")[0].removesuffix(".d")
        units[unit] = (*units.get(unit, ()), f"{name} {checksum} {size}")
    return units
