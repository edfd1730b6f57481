# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal fleet of its own for these tests, and what they look at."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def processes_of(root: Path) -> list[str]:
    """The processes on this machine that have to do with a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = [
                str((process / "cwd").readlink()),
                (process / "cmdline").read_text(),
                (process / "mounts").read_text(),
            ]
        except OSError:
            continue
        if any(str(root) in text for text in where) and int(process.name) != os.getpid():
            found.append(process.name)
    return found
