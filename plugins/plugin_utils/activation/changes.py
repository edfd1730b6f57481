# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an activation brings to a machine, package by package."""

from __future__ import annotations

import shlex
import typing as t

from ..copy.script_link import ConnectionLostError
from ..core.errors import NixError
from ..nix.closure_diff import ClosureDiff, closure_diff
from ..nix.store import StorePathInfo, parse_path_sizes, path_sizes

if t.TYPE_CHECKING:
    from ..copy.script_link import ScriptLink
    from ..core.process import Completed

BETWEEN = "then"


def changes(
    link: ScriptLink,
    before: str | None,
    after: str,
    *,
    source: t.Callable[[list[str]], Completed] | None = None,
) -> ClosureDiff | None:
    """Compare the closure that a target had with the one it is to have, in one round trip.

    ``source`` runs a command where the new closure is when the target has not received it yet. None when one of
    the two cannot be listed: showing less never fails a deployment that has succeeded.
    """
    try:
        old, new = _listed(link, before, after)
        if new is None and source is not None:
            answer = source(path_sizes(after, closure=True))
            new = parse_path_sizes(answer.stdout) if answer.ok else None
    except (ConnectionLostError, NixError, OSError):
        return None
    return None if old is None or new is None else closure_diff(old, new)


def _listed(link: ScriptLink, *closures: str | None) -> list[list[StorePathInfo] | None]:
    commands = [shlex.join(path_sizes(path, closure=True)) if path else ":" for path in closures]
    script = f"echo {BETWEEN}\n".join(f"{command} 2>/dev/null || echo missing\n" for command in commands)
    listings = link.run(script).stdout.split(f"{BETWEEN}\n")
    if len(listings) != len(closures):
        return [None for _closure in closures]
    return [None if "missing" in listing.splitlines() else parse_path_sizes(listing) for listing in listings]
