# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A logarithmic scale: ratios are what the bench is about, and on it equal ratios are equal distances."""

from __future__ import annotations

import dataclasses
import math
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclasses.dataclass(frozen=True)
class Scale:
    """Values from ``low`` to ``high``, drawn from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def around(cls, values: Iterable[float], start: float, end: float) -> Scale:
        """Return a scale on which the values fit, between round numbers."""
        values = [value for value in values if value > 0] or [1.0]
        low, high = _round(min(values) * 0.9, up=False), _round(max(values) * 1.1, up=True)
        return cls(low, high, start, end)

    def at(self, value: float) -> float:
        """Return where a value is drawn."""
        part = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return self.start + part * (self.end - self.start)

    def marks(self) -> Iterator[float]:
        """Yield the round values on the scale: 1, 2, 5, 10 ..., or fewer where there are many."""
        decades = math.log10(self.high / self.low)
        steps = (1, 2, 5) if decades <= 2.2 else (1,)
        for power in range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1):
            for step in steps:
                value = step * 10.0**power
                if self.low * 0.999 <= value <= self.high * 1.001:
                    yield value


def _round(value: float, *, up: bool) -> float:
    """Return the next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    steps = [step * power for step in (1, 2, 5, 10)]
    if up:
        return next(step for step in steps if step >= value * 0.999)
    return next(step for step in reversed(steps) if step <= value * 1.001)
