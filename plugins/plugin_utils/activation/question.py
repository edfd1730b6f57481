# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The short question whether a machine is what it is meant to be already, before anything is sent that would change it."""

from __future__ import annotations

import typing as t

from .answer import parse_answer
from .program import question_script

if t.TYPE_CHECKING:
    from ..core.shell import Shell
    from .answer import Answer
    from .request import Request


def settled(shell: Shell, request: Request, *, kept_as: str | None = None) -> Answer | None:
    """Return the answer of a machine that has nothing to do, in one round trip; None where there is any doubt.

    With ``kept_as``, the closure must also be kept from the garbage collector as what was copied under that name, so
    that a copy would find nothing to do either. Raises what ``shell`` raises.
    """
    # What begins something even so, or is to say more than that there is nothing to do.
    if request.rollback is not None or request.install_bootloader or request.goal == "dry-activate":
        return None
    answer = parse_answer(shell.run(question_script(request, kept_as)).stdout)
    return answer if answer.outcome == "unchanged" else None
