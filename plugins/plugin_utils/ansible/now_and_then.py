# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far something long is, said as often as it can be read."""

from __future__ import annotations

import time
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .action import NixAction

# Where lines are printed of it, and where somebody shows it as it goes.
PRINTED_SECONDS = 10.0
FOLLOWED_SECONDS = 0.2


def now_and_then(action: NixAction) -> Callable[[Callable[[], str]], None]:
    """Return what says the sentence that it is given for the host of ``action``, unless it has just said one."""
    last = time.monotonic()
    pause, tell = (FOLLOWED_SECONDS, action.doing) if action.followed else (PRINTED_SECONDS, action.announce)

    def say(sentence: Callable[[], str]) -> None:
        nonlocal last
        if time.monotonic() - last > pause:
            last = time.monotonic()
            tell(sentence())

    return say
