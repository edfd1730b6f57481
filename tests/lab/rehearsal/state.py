# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about a host while it runs, in a file that its supervisor writes and everyone else reads."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

RUNNING = "running"
STARTING = "starting"
OFF = "off"
FAILED = "failed"


@dataclass(frozen=True)
class HostState:
    """One moment of a host."""

    status: str
    supervisor: int
    init: Optional[int] = None
    boots: int = 0
    boot_id: Optional[str] = None
    since: float = 0.0
    reason: str = ""

    def write(self, directory: Path) -> None:
        unfinished = directory / ".state.json"
        unfinished.write_text(json.dumps(asdict(self)))
        unfinished.replace(directory / "state.json")


def read_state(directory: Path) -> Optional[HostState]:
    """The host's state, or None when it has no living supervisor."""
    try:
        state = HostState(**json.loads((directory / "state.json").read_text()))
        os.kill(state.supervisor, 0)
    except (OSError, ValueError, TypeError):
        return None
    return state
