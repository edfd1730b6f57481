# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's store, asked what it lacks and opened to take that, all in one round trip."""

from __future__ import annotations

import dataclasses
import typing as t

from .door import Door, ask_at_door, door_of, door_program
from .presence import present_function, refuse_failed
from .scripts import function, script

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.shell import Shell
    from .door import Escalation

# As `opening.sh` says it.
LACKING = "something is lacking"


def open_door_if_lacking(
    shell: Shell, paths: Sequence[str], *, protect_as: str, escalation: Escalation | None, quiet: float
) -> Door | None:
    """Open a private door, as ``open_door`` does, where any of ``paths`` is lacking.

    Where all of them are there, they are kept from the garbage collector as ``missing_paths`` does it, and there is no door.
    """
    functions = present_function() + function("door", door_program())
    answer = ask_at_door(shell, functions + script("opening"), True, escalation, quiet, protect_as, *paths)
    _before, lacking, opened = answer.stdout.partition(f"{LACKING}\n")
    if lacking:
        return door_of(shell.host, dataclasses.replace(answer, stdout=opened))
    refuse_failed(shell.host, answer, paths)
    return None
