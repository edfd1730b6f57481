# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nix's database, which somebody else may have in hand for a moment: a command that found it so is run again.

Nix itself waits for whoever writes, but not where a store is new and several of its processes are about to set it up.
"""

from __future__ import annotations

import random
import re
import time
import typing as t

from .log import NixLog

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.process import Completed

# Who comes second to a new store finds its database locked, or the file with its schema's number still empty.
BUSY = re.compile(r"""^\s*(?:error:\s+)+(?:SQLite database '[^'\n]*' is busy|"[^"\n]*/db/schema" is corrupt)""", re.M)
BUSY_ADVICE = "see who holds that file (fuser, lsof), a backup or a repair perhaps; run again when it is done"
# Each a little longer or shorter, lest those who met once meet again.
PAUSES = (0.2, 0.4, 0.8, 1.6, 3.2, 6.4)


def when_free(run: Callable[[], Completed]) -> Completed:
    """Return how the command of Nix's ended that ``run`` runs: again, for a while, if the database was busy."""
    for pause in PAUSES:
        completed = run()
        if not was_busy(completed):
            return completed
        time.sleep(pause * random.uniform(0.5, 1.5))
    return run()


def was_busy(completed: Completed) -> bool:
    """Whether a command of Nix's failed because the database was busy, and not because one in a builder's log was."""
    if completed.ok or "/db" not in completed.stderr:
        return False
    log = NixLog().read_all(completed.stderr)
    return is_busy(f"error: {log.cause}" if log.cause else "\n".join(log.other))


def is_busy(text: str) -> bool:
    """Whether these words of Nix's say that its database was busy."""
    return bool(BUSY.search(text))
