# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in threads, of which each waits for a process of its own."""

from __future__ import annotations

import concurrent.futures
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Value = t.TypeVar("Value")


def side_by_side(works: Sequence[Callable[[], Value]]) -> list[Value]:
    """Do ``works`` at the same time and return what each returns; the first exception is raised when all have ended.

    One alone is done in this thread, which is the one that a signal to the program interrupts.
    """
    if len(works) == 1:
        return [works[0]()]
    if not works:
        return []
    with concurrent.futures.ThreadPoolExecutor(len(works)) as threads:
        return [future.result() for future in [threads.submit(work) for work in works]]
