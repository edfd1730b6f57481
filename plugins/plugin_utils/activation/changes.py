# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment or a rollback changes on a machine, package by package."""

from __future__ import annotations

import shlex
import typing as t

from ..core.errors import NixError
from ..core.shell import ConnectionLostError
from ..nix.closure_diff import ClosureDiff, closure_diff
from ..nix.store import StorePathInfo, parse_path_sizes, path_sizes
from .request import rollback_script

if t.TYPE_CHECKING:
    from ..core.process import Completed
    from ..core.shell import ScriptLink
    from .request import Request

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


def changes_of_rollback(link: ScriptLink, request: Request) -> ClosureDiff | None:
    """Compare what runs with where the rollback is to go, in one round trip.

    None when one of the two cannot be listed: seeing less never keeps a machine from going back.
    """
    listing = shlex.join(path_sizes(closure=True))
    running, target = f'{listing} "$(platform_running)"', f'rollback_find_closure && {listing} "$closure"'
    try:
        old, new = _listed(link, running, target, functions=f"{rollback_script(request)}\n")
    except (ConnectionLostError, NixError, ValueError):
        return None
    return None if old is None or new is None else closure_diff(old, new)


def _listed(
    link: ScriptLink, before: str, after: str, *, functions: str = ""
) -> tuple[list[StorePathInfo] | None, list[StorePathInfo] | None]:
    """Return what two commands list, by one script; None for one that fails."""
    first, second = (f"{{ {command}; }} 2>/dev/null || echo {MISSING}\n" for command in (before, after))
    old, between, new = link.run(f"{functions}{first}echo {BETWEEN}\n{second}").stdout.partition(f"{BETWEEN}\n")
    return (_read(old), _read(new)) if between else (None, None)


def _read(listing: str) -> list[StorePathInfo] | None:
    return None if MISSING in listing.splitlines() else parse_path_sizes(listing)
