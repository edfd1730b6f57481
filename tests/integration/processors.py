# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this machine had processors to spare, without which nothing is compressed by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

# Somewhat more than the collection wants (copy/pace.py), which looks at another part of the time.
IDLE = 0.35


def processors() -> tuple[int, int]:
    """Return the ticks of all processors so far, idle ones and all: proc_stat(5)."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(ticks[3:5]), sum(ticks)


def skip_where_busy(before: tuple[int, int]) -> None:
    """Skip the test where the processors have been busy since ``before``."""
    (idle_before, ticks_before), (idle, ticks) = before, processors()
    if idle - idle_before < IDLE * (ticks - ticks_before):
        pytest.skip("the processors were busy with something else")
