# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Something that was done from one moment to another."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Slice:
    """Times are in seconds of a clock that never goes back, and that all processes of a machine share.

    ``number`` is that of an activity of Nix, and ``parent`` of the one that it is part of; 0 where there is none.
    """

    name: str
    category: str
    began: float
    ended: float
    detail: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    number: int = 0
    parent: int = 0

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began

    def within(self, began: float, ended: float) -> Slice:
        """Return the part of it between two moments."""
        return dataclasses.replace(
            self, began=min(max(self.began, began), ended), ended=max(min(self.ended, ended), began)
        )
