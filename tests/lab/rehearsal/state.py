# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about a host while it runs, in a file that its supervisor writes and everyone else reads."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

RUNNING = "running"
STARTING = "starting"
OFF = "off"
FAILED = "failed"


@dataclass(frozen=True)
class HostState:
    """One moment of a host."""

    status: str
    supervisor: int
    supervisor_started: int
    init: int | None = None
    boots: int = 0
    boot_id: str | None = None
    since: float = 0.0
    reason: str = ""

    def write(self, directory: Path) -> None:
        unfinished = directory / ".state.json"
        unfinished.write_text(json.dumps(asdict(self)))
        unfinished.replace(directory / "state.json")


def process_started(pid: int) -> int:
    """When a process began, in the kernel's ticks. A number alone may have been given to another process since."""
    # The second field, the program's name in parentheses, may have spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    if fields[0] in "ZX":
        raise ProcessLookupError(f"process {pid} has ended")
    return int(fields[19])


def read_state(directory: Path) -> HostState | None:
    """The host's state, or None when it has no living supervisor."""
    try:
        state = HostState(**json.loads((directory / "state.json").read_text()))
        if process_started(state.supervisor) != state.supervisor_started:
            return None
    except (OSError, ValueError, TypeError):
        return None
    return state
