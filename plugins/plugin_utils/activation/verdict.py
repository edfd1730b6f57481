# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the other side says of a system that runs and is to stay."""

from __future__ import annotations

import dataclasses

from .request import one_line


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a new system stays; the target knows the word."""

    word: str
    reason: str = ""


CONFIRMED = Verdict("confirmed")


def rejected(reason: str) -> Verdict:
    """Return the verdict that sends a machine back to the system it ran before, for a reason that is told to people."""
    return Verdict("rejected", one_line(reason) or "no reason was given")
