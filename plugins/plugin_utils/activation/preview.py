# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollback is about to change, package by package, before it does."""

from __future__ import annotations

import shlex
import typing as t

from ..copy.script_link import ConnectionLostError
from ..core.errors import NixError
from ..nix.closure_diff import closure_diff
from ..nix.store import parse_path_sizes, path_sizes
from .program import rollback_script

if t.TYPE_CHECKING:
    from ..copy.script_link import ScriptLink
    from ..nix.closure_diff import ClosureDiff
    from .request import Request

BETWEEN = "then"


def preview(link: ScriptLink, request: Request) -> ClosureDiff | None:
    """Compare what runs with where the rollback goes, in one round trip.

    None when there is nothing to compare: seeing less never keeps a machine from going back.
    """
    listing = shlex.join(path_sizes(closure=True))
    script = f'rollback_find_closure && {listing} "$(platform_running)" && echo {BETWEEN} && {listing} "$closure"'
    try:
        answer = link.run(f"{rollback_script(request)}\n{script}")
        before, between, after = answer.stdout.partition(f"{BETWEEN}\n")
        if not answer.ok or not between:
            return None
        return closure_diff(parse_path_sizes(before), parse_path_sizes(after))
    except (ConnectionLostError, NixError, ValueError):
        return None
