# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs of the bench have left in their bench.json, read back: several runs as one."""

from __future__ import annotations

import typing as t

from .catalogue import chosen
from .measure import BenchError
from .report import SCHEMA, Measurement
from .rounds import Outcome, Spread

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .record import Row

Record = t.Mapping[str, t.Any]


def measurements(records: Sequence[Record], patterns: str | None = None) -> list[Measurement]:
    """Return what was measured of the rows that match, in the catalogue's order.

    Of a way that several runs have measured at the same point, the last one counts. ``patterns`` are those of `--rows`.
    Rows and ways that the catalogue has no more are left out.
    """
    for record in records:
        if record["schema"] != SCHEMA:
            raise BenchError(f"a record has schema {record['schema']}, and {SCHEMA} is what is read here")
    found = [Measurement(row, tuple(_outcomes(records, row)), ()) for row in chosen(patterns)]
    return [each for each in found if each.outcomes]


def _outcomes(records: Sequence[Record], row: Row) -> Iterator[Outcome]:
    """Yield what was measured of a row, by point and then as the row has its ways."""
    told = [
        outcome
        for record in records
        for each in record["rows"]
        if each["name"] == row.name
        for outcome in each["outcomes"]
    ]
    # What is missing takes the place of nothing that was measured: the sort keeps the records' order otherwise.
    last = {
        (outcome["point"], outcome["way"]): outcome
        for outcome in sorted(told, key=lambda each: bool(each["quantities"]))
    }
    for point in sorted({point for point, _way in last}):
        for way in row.ways:
            if (point, way.name) in last:
                yield _outcome(last[point, way.name])


def _outcome(data: Mapping[str, t.Any]) -> Outcome:
    quantities = {name: Spread(**spread) for name, spread in data["quantities"].items()}
    return Outcome(data["point"], data["way"], data["kind"], quantities, data["missing"])
