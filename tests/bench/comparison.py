# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a bar is met, by the medians of one run."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .record import Bar, Row
    from .rounds import Outcome


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A bar and what was measured; ``ratio`` is missing when one of the two was not measured."""

    row: str
    point: int
    unit: str
    limit: Bar
    ratio: float | None
    # The same of the processor's time, which a machine that has other things to do leaves as it is.
    processor_ratio: float | None = None
    why_not: str | None = None

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; nothing when it was not measured."""
        return None if self.ratio is None else self.ratio <= self.limit.factor

    def __str__(self) -> str:
        what = f"{self.row}, {self.point} {self.unit}: at most {self.limit.factor:g} times {self.limit.against}"
        if self.limit.of != "seconds":
            what += f" ({self.limit.of})"
        if self.ratio is None:
            return f"not measured  {what}: {self.why_not}"
        found = f"{self.ratio:.2f} times"
        if self.processor_ratio is not None:
            found += f" (processor's time: {self.processor_ratio:.2f})"
        return f"{'met' if self.met else 'NOT MET':13} {what}: {found}"


def comparisons(row: Row, outcomes: Sequence[Outcome]) -> Iterator[Comparison]:
    """Judge the bars of a row at the point they are about, or else at the largest that was measured."""
    points = sorted({outcome.point for outcome in outcomes})
    for limit in row.bars:
        for point in points if row.at is None else [max(each for each in points if each <= max(row.at, points[0]))]:
            yield _comparison(
                row, point, limit, {outcome.way: outcome for outcome in outcomes if outcome.point == point}
            )


def _comparison(row: Row, point: int, limit: Bar, by_way: dict[str, Outcome]) -> Comparison:
    us, other = by_way[limit.us], by_way[limit.against]
    for outcome in (us, other):
        if outcome.missing:
            return Comparison(row.name, point, row.unit, limit, None, why_not=outcome.missing.splitlines()[0])
    processor = _ratio(us, other, "processor_seconds") if limit.of == "seconds" else None
    return Comparison(row.name, point, row.unit, limit, _ratio(us, other, limit.of), processor)


def _ratio(us: Outcome, other: Outcome, quantity: str) -> float:
    return us.quantities[quantity].median / other.quantities[quantity].median
