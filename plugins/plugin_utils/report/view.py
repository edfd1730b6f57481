# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report shows of a host, whichever kind of run it closes."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .records import HostRecord
    from .table import Meaning

NOTHING = "-"


@dataclasses.dataclass(frozen=True)
class Word:
    """How it stands with a host, in a word or two that the closing line counts."""

    text: str
    meaning: Meaning


@dataclasses.dataclass(frozen=True)
class View:
    """The columns of a table, the word for each host, and what deserves a line of its own below it."""

    header: tuple[str, ...]
    row: Callable[[HostRecord], tuple[str, ...]]
    word: Callable[[HostRecord], Word]
    notes: Callable[[HostRecord], list[str]]
