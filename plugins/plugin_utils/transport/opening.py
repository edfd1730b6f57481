# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's store, asked what it lacks and opened to take that, all in one round trip."""

from __future__ import annotations

import dataclasses
import typing as t

from .door import Door, ask_at_door, door_of
from .presence import refuse_failed
from .scripts import function, script, script_with

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .door import AskLogin
    from .shell import Shell

LACKING = "something is lacking"
# The arguments of door.sh, then those of present.sh.
ASK_AND_OPEN = f"""
prefer=$1 peer=$2 uid=$3 quiet=$4
shift 4
lacking=$(present "$@") || exit
[ -n "$lacking" ] || exit 0
echo '{LACKING}'
door "$prefer" "$peer" "$uid" "$quiet"
"""


def open_door_if_lacking(
    shell: Shell, paths: Sequence[str], *, protect_as: str, login: AskLogin | None, quiet: float
) -> Door | None:
    """Open a private door, as ``open_door`` does, where any of ``paths`` is lacking.

    Where all of them are there, they are kept from the garbage collector as ``missing_paths`` does it, and there is no door.
    """
    text = function("present", script("present")) + function("door", script_with("door", "guard")) + ASK_AND_OPEN
    answer = ask_at_door(shell, text, True, login, quiet, protect_as, *paths)
    _before, lacking, opened = answer.stdout.partition(f"{LACKING}\n")
    if lacking:
        return door_of(shell.host, dataclasses.replace(answer, stdout=opened))
    refuse_failed(shell.host, answer, paths)
    return None
