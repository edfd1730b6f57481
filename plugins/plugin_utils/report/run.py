# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as a whole: what was run, when, and with what code Ansible ends."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

if t.TYPE_CHECKING:
    from ..activation.job import Job

OK, FAILED, UNREACHABLE = 0, 2, 4

_RESULTS: dict[int, str] = {OK: "ok", FAILED: "failed", UNREACHABLE: "unreachable"}


@dataclasses.dataclass(frozen=True)
class Run:
    """``failed`` and ``unreachable`` are the hosts that Ansible counts so in the end."""

    id: str
    playbooks: tuple[str, ...]
    started: datetime.datetime
    seconds: float
    check_mode: bool = False
    failed: frozenset[str] = frozenset()
    unreachable: frozenset[str] = frozenset()
    job: Job | None = None

    @property
    def exit_code(self) -> int:
        """The code that ``ansible-playbook`` ends with, which a host that cannot be reached decides before all others."""
        if self.unreachable:
            return UNREACHABLE
        return FAILED if self.failed else OK

    @property
    def result(self) -> str:
        """What the exit code means."""
        return _RESULTS[self.exit_code]

    def to_result(self) -> dict[str, t.Any]:
        """Return the run as the report has it."""
        return {
            "id": self.id,
            "playbooks": list(self.playbooks),
            "started": f"{self.started.astimezone(datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            "seconds": round(self.seconds, 3),
            "check_mode": self.check_mode,
            "exit_code": self.exit_code,
            "result": self.result,
            "job": self.job and self.job.to_result(),
        }
