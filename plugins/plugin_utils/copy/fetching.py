# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a machine can have paths from elsewhere than by a line that is slow."""

from __future__ import annotations

import typing as t

from .scripts import script

if t.TYPE_CHECKING:
    from ..core.shell import Shell

# For each binary cache: as many as a good line needs several times over.
ANSWER_SECONDS = 3


def fetches(shell: Shell) -> bool:
    """Whether ``shell``'s machine fetches from binary caches, all of which answer at the moment.

    One that does not would be waited for again and again during a copy.
    """
    return shell.run(script("fetching"), str(ANSWER_SECONDS)).ok
