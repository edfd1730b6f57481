# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a callback is told during a run, kept until the run is over."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

Status = t.Literal["started", "ok", "failed", "unreachable"]


@dataclasses.dataclass(frozen=True)
class TaskEvent:
    """A task began or ended for one host.

    ``module`` is the name of one of this collection's modules without its collection, or None for any other task;
    ``at`` is in seconds of a clock that never goes back.
    """

    host: str
    module: str | None
    status: Status
    at: float
    result: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    check_mode: bool = False
    task: str = ""

    @property
    def only_asked(self) -> bool:
        """Whether a host was only asked if there is anything to activate, and there is: doing it is another task."""
        return self.module == "nix_activate" and self.result.get("outcome") == "needed"
