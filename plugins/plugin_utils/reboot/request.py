# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one reboot is asked to be, checked before anything reaches a machine."""

from __future__ import annotations

import dataclasses
import typing as t

from ..activation.request import LONGEST_SECONDS, PROFILE, one_line
from ..core.errors import RebootError
from ..nix.store import is_store_path

if t.TYPE_CHECKING:
    from ..activation.request import Origin
    from ..platforms.platform import Platform

WHEN = ("if_required", "always")


@dataclasses.dataclass(frozen=True)
class Request:
    """One reboot of one machine, as the options of a task say it."""

    id: str
    platform: Platform
    origin: Origin
    when: str = "if_required"
    timeout: int = 600
    closure: str | None = None
    profile: str | None = None
    message: str = ""
    delay: int = 0
    check: bool = False

    def __post_init__(self) -> None:
        """Refuse what no machine should be asked."""
        for problem in self._problems():
            raise RebootError(problem, advice="nothing was touched; correct it")

    def variables(self) -> dict[str, str]:
        """Return the request as the shell program's variables."""
        return {
            "id": self.id,
            "who": self.origin.text,
            "when": self.when,
            "timeout": str(self.timeout),
            "closure": self.closure or "",
            "profile": self.profile or "",
            "message": one_line(self.message),
            "delay": str(self.delay),
            "check": str(int(self.check)),
        }

    def _problems(self) -> t.Iterator[str]:
        if self.when == "always" and not self.platform.reboots:
            yield f"{self.platform.name} is not what a machine is booted with, so that there is nothing to reboot"
        if not 1 <= self.timeout <= LONGEST_SECONDS:
            yield f"timeout is not a number of seconds from 1 to {LONGEST_SECONDS}: {self.timeout}"
        if not 0 <= self.delay <= LONGEST_SECONDS:
            yield f"delay is not a number of seconds from 0 to {LONGEST_SECONDS}: {self.delay}"
        if self.closure and not is_store_path(self.closure):
            yield f"closure is not a store path: {self.closure!r}"
        if self.profile is not None and not PROFILE.fullmatch(self.profile):
            yield f"profile is not an absolute path: {self.profile!r}"
