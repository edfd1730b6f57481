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

from ..core.quantities import size

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .copying import CopyLog

# How long a copy is watched before it is judged. What fills the buffers on the way counts as sent, and takes a part of it.
WATCHED_SECONDS = 3.0
# What counts of a pause in which nothing is sent. A slow line lets something through all the time; a longer pause is the
# target's, which takes nothing while somebody else copies the same path to it and holds the path's lock.
PAUSE_SECONDS = 0.5
# Bytes a second. ssh compresses some 15 MB a second, which is what one processor does, to a third of it: below that speed,
# and with something to spare for what begins anew, the line is what a copy waits for. And below the 10 MiB a second that
# ssh lets through, compressed or not, at a round trip of 200 ms: 2 MiB may be on their way (OpenSSH's channel window).
SLOW = 8 << 20
# What has to be left of a copy at its pace, so that it is done sooner although it begins anew, which takes some two seconds.
WORTH_SECONDS = 8.0
# The share of this machine's processors that has nothing to do. Where all are busy, they may be what copies wait for.
IDLE = 0.25

STATISTICS = pathlib.Path("/proc/stat")


class SlowCopyError(Exception):
    """A copy was given up that would be done sooner in another manner: with compression, with what the target fetches, or both."""

    def __init__(self, speed: float, *, compressing: bool, fetching: bool) -> None:
        super().__init__(f"{size(round(speed))}/s")
        self.compressing = compressing
        self.fetching = fetching


@dataclasses.dataclass(frozen=True)
class _Sight:
    """What was seen at one time: by the clock, and the ticks of this machine's processors, idle ones and all."""

    seconds: float
    idle: int
    ticks: int


class Pace:
    """Judges one copy, once, and has it go on where nothing can be changed.

    ``may_compress`` tells whether it could be compressed, ``may_fetch`` whether the target could help. Both are asked while
    the copy goes on.
    """

    def __init__(self, *, may_compress: Callable[[], bool], may_fetch: Callable[[], bool]) -> None:
        self._may_compress = may_compress
        self._may_fetch = may_fetch
        self._begun: _Sight | None = None
        self._judged = False
        # When something was sent last, how much it was in all by then, and how long it was under way.
        self._last = 0.0
        self._done = 0
        self._seconds = 0.0

    def see(self, log: CopyLog) -> None:
        """Take note of how far the copy is by its ``log``; raises ``SlowCopyError`` when another manner pays."""
        if self._judged or not log.bytes_expected:
            return
        if self._begun is None:
            self._begun = _look()
            self._last, self._done = self._begun.seconds, log.bytes_done
            return
        if not self._watched(log.bytes_done):
            return
        self._judged = True
        speed = log.bytes_done / self._seconds
        slow = speed < SLOW and log.bytes_expected - log.bytes_done > WORTH_SECONDS * speed
        if not slow or _idle_share(self._begun, _look()) < IDLE:
            return
        compressing, fetching = self._may_compress(), self._may_fetch()
        if compressing or fetching:
            raise SlowCopyError(speed, compressing=compressing, fetching=fetching)

    def _watched(self, done: int) -> bool:
        """Whether enough was seen, now that so many bytes are ``done``."""
        if done > self._done:
            now = time.monotonic()
            self._seconds += min(now - self._last, PAUSE_SECONDS)
            self._last, self._done = now, done
        return self._seconds >= WATCHED_SECONDS


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
