# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doing again what a broken connection cut short."""

from __future__ import annotations

import time
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

Result = t.TypeVar("Result")


def retried(
    attempt: Callable[[], Result],
    *,
    again: Callable[[Exception], bool],
    retries: int,
    delay: float,
    announce: Callable[[str], None],
) -> Result:
    """Return what ``attempt`` returns, tried up to ``retries`` more times while ``again`` holds for what it raises."""
    for _left in range(retries, 0, -1):
        try:
            return attempt()
        except Exception as error:
            if not again(error):
                raise
            announce(f"interrupted ({error}); trying again in {delay:g} s")
            time.sleep(delay)
    return attempt()
