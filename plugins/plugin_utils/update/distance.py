# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a revision is behind the one that is checked out."""

from __future__ import annotations

import dataclasses
import typing as t

from ..core.errors import NixError

if t.TYPE_CHECKING:
    from .repository import Repository


@dataclasses.dataclass(frozen=True)
class Distance:
    """Where a machine stands in the history of the flake.

    ``behind`` is how many commits of what is checked out it does not have, ``ahead`` how many it has that are not of what
    is checked out: deployed from another branch, or from a newer clone. None where the history does not tell;
    ``unknown`` says why it does not tell of a revision that was deployed.
    """

    deployed: str | None
    dirty: bool
    current: str | None = None
    behind: int | None = None
    ahead: int | None = None
    unknown: str | None = None

    def to_result(self) -> dict[str, t.Any]:
        """Return the distance as the value of a module's result."""
        return dataclasses.asdict(self)


def distance(repository: Repository, deployed: str | None, *, dirty: bool) -> Distance:
    """Return how far ``deployed`` is behind what is checked out; without Git or a repository that is not known."""
    try:
        current = repository.commit_named("HEAD")
        if deployed is None:
            return Distance(deployed, dirty, current)
        known = repository.commit_named(deployed) if current else None
        if known is None:
            place = f"the history in {repository.path} does not have the revision that was deployed"
            none = f"{repository.path} is in no Git repository that can be read and has a commit"
            return Distance(deployed, dirty, current, unknown=place if current else none)
        counted = repository.run("rev-list", "--left-right", "--count", f"{known}...{current}", "--")
    except NixError as error:
        return Distance(deployed, dirty, unknown=error.cause if deployed else None)
    counts = counted.stdout.split()
    if not counted.ok or len(counts) != 2:
        return Distance(deployed, dirty, current, unknown=f"git rev-list failed in {repository.path}")
    return Distance(deployed, dirty, current, behind=int(counts[1]), ahead=int(counts[0]))
