# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a copy goes so slowly that it pays to begin anew, with compression or with the help of what the target fetches itself."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import time
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .copying import CopyLog

# How long a copy is watched before it is judged. What fills the buffers on the way counts as sent, and takes a part of it.
WATCHED_SECONDS = 3.0
# Bytes a second. ssh compresses some 15 MB a second, which is what one processor does, to a third of it: below that speed,
# and with something to spare for what begins anew, the line is what a copy waits for.
SLOW = 10_000_000
# What has to be left of a copy at its pace, so that it is done sooner although it begins anew, which takes some two seconds.
WORTH_SECONDS = 8.0
# The share of this machine's processors that has nothing to do. Where all are busy, they may be what copies wait for.
IDLE = 0.25

STATISTICS = pathlib.Path("/proc/stat")


class SlowCopyError(Exception):
    """A copy was given up that would be done sooner in another manner; ``compressing`` if that is to be with compression."""

    def __init__(self, speed: float, *, compressing: bool) -> None:
        super().__init__(f"{speed / 1e6:.1f} MB/s")
        self.compressing = compressing


@dataclasses.dataclass(frozen=True)
class _Sight:
    """What was seen at one time: by the clock, and the ticks of this machine's processors, idle ones and all."""

    seconds: float
    idle: int
    ticks: int


class Pace:
    """Judges one copy, once. ``may_compress`` tells whether it could be compressed, ``may_fetch`` whether the target could help."""

    def __init__(self, *, may_compress: Callable[[], bool], may_fetch: bool) -> None:
        self._may_compress = may_compress
        self._may_fetch = may_fetch
        self._begun: _Sight | None = None
        self._judged = False

    def see(self, log: CopyLog) -> None:
        """Take note of how far the copy is by its ``log``; raises ``SlowCopyError`` when another manner pays."""
        if self._judged or not log.bytes_expected:
            return
        if self._begun is None:
            self._begun = _look()
            return
        if time.monotonic() - self._begun.seconds < WATCHED_SECONDS:
            return
        self._judged = True
        now = _look()
        done = log.bytes_done
        speed = done / (now.seconds - self._begun.seconds)
        slow = speed < SLOW and log.bytes_expected - done > WORTH_SECONDS * speed
        if not slow or _idle_share(self._begun, now) < IDLE:
            return
        compressing = self._may_compress()
        if compressing or self._may_fetch:
            raise SlowCopyError(speed, compressing=compressing)


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _look() -> _Sight:
    # The first line is about all processors: user, nice, system, idle, iowait, ... (proc_stat(5)).
    try:
        ticks = [int(word) for word in STATISTICS.read_text().split("\n", 1)[0].split()[1:9]]
    except (OSError, ValueError):
        ticks = []
    return _Sight(time.monotonic(), sum(ticks[3:5]), sum(ticks))


def _idle_share(before: _Sight, now: _Sight) -> float:
    """Return the share of processors that had nothing to do; where the system does not tell, by the load of the last minute."""
    if now.ticks > before.ticks:
        return (now.idle - before.idle) / (now.ticks - before.ticks)
    return max(0.0, 1.0 - os.getloadavg()[0] / processors())
