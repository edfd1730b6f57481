# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arithmetic of a slow line: when a piece of data arrives that is sent now. Pure; knows no sockets."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_LARGEST_READ = 256 * 1024
_SMALLEST_READ = 1448
# What a sender may have under way on a delayed line: enough for 400 MB/s, as with generous TCP windows.
_WINDOW_PER_SECOND = 400_000_000
_LARGEST_BACKLOG = 64 * 1024 * 1024


@dataclass(frozen=True)
class Shape:
    """How a line treats what passes it in one direction."""

    delay: float = 0.0
    rate: float | None = None

    @property
    def plain(self) -> bool:
        return self.delay == 0 and self.rate is None

    def read_size(self) -> int:
        """How much to take at once: with a limited rate, about ten milliseconds' worth, so that lines are shared fairly."""
        if self.rate is None:
            return _LARGEST_READ
        return max(_SMALLEST_READ, min(_LARGEST_READ, int(self.rate / 100)))

    def backlog(self) -> int:
        """How many bytes may be under way in a connection before its sender has to wait."""
        if self.rate is None:
            return min(_LARGEST_BACKLOG, 1024 * 1024 + int(self.delay * _WINDOW_PER_SECOND))
        # What is on the line, and a tenth of a second of queue in front of it.
        return min(_LARGEST_BACKLOG, max(4 * _SMALLEST_READ, int(self.rate * (self.delay + 0.1))))

    def share(self) -> int:
        """How many bytes each of many connections may have waiting for a line that they share: a hundredth of a second's."""
        if self.rate is None:
            return _LARGEST_BACKLOG
        return max(4 * _SMALLEST_READ, int(self.rate / 100))


class Lane:
    """One direction of a line, shared by all of its connections."""

    def __init__(self) -> None:
        self._free_at = 0.0

    def arrival(self, now: float, size: int, shape: Shape) -> float:
        """When the last byte of a piece that is sent now comes out at the other end."""
        if shape.rate is None:
            return now + shape.delay
        self._free_at = max(now, self._free_at) + size / shape.rate
        return self._free_at + shape.delay

    def clear(self) -> None:
        """Forget what is queued, for a line whose rate has changed."""
        self._free_at = 0.0


def parse_rate(text: str) -> float:
    """Bytes a second from `10mbit`, `1.5gbit`, `500kbit` (bits) or `2MB`, `300kB` (bytes)."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgKMG]?)(bit|bps|B|Bps)(?:/s)?", text.strip())
    if not found or float(found[1]) == 0:
        raise ValueError(f"{text!r} is not a rate; write for example 10mbit (bits a second) or 2MB (bytes a second)")
    divisor = 8 if found[3] in ("bit", "bps") else 1
    return float(found[1]) * _UNITS[found[2].lower()] / divisor


def parse_milliseconds(text: str) -> float:
    """Seconds from `50`, `50ms` or `1.5s`."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|)", text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a time; write for example 50 or 50ms")
    return float(found[1]) / (1 if found[2] == "s" else 1000)
