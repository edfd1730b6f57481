# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the bench came to: tables for a terminal, and JSON, whose fields tests/bench/README.md explains."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from .quantity import shown

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .comparison import Comparison
    from .record import Row
    from .rounds import Outcome

SCHEMA = 1
# Beside the quantity that a row is about, where they differ from nothing.
COUNTS = (
    "processor_seconds",
    "memory_bytes",
    "host_memory_bytes",
    "processes",
    "evaluations",
    "connections",
    "bytes_sent",
)


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A row and all that was measured of it."""

    row: Row
    outcomes: tuple[Outcome, ...]
    comparisons: tuple[Comparison, ...]


def table(measurement: Measurement) -> Iterator[str]:
    """Return the lines that show a row: each way beside ours, with its spread."""
    row = measurement.row
    counts = [name for name in COUNTS if any(name in outcome.quantities for outcome in measurement.outcomes)]
    lines = [[row.unit, "", row.quantity, "least … most", "ratio to us", *(name.replace("_", " ") for name in counts)]]
    for outcome in measurement.outcomes:
        if outcome.missing:
            lines.append([str(outcome.point), outcome.way, "—", outcome.missing.splitlines()[0][:60]])
            continue
        found = outcome.quantities
        spread = found[row.quantity]
        ours = next((o for o in measurement.outcomes if o.kind == "us" and o.point == outcome.point), outcome)
        ratio = f"{spread.median / ours.quantities[row.quantity].median:.2f}" if ours.quantities else ""
        extent = f"{shown(row.quantity, spread.least)} … {shown(row.quantity, spread.most)}"
        costs = [shown(name, found[name].median) if name in found else "" for name in counts]
        lines.append([str(outcome.point), outcome.way, shown(row.quantity, spread.median), extent, ratio, *costs])
    yield f"{row.name}: {row.what}"
    widths = [max(len(line[column]) for line in lines if column < len(line)) for column in range(len(lines[0]))]
    for line in lines:
        yield "  " + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=False)).rstrip()


def as_json(measurements: Sequence[Measurement], rounds: int, hosts: int) -> dict[str, t.Any]:
    """Return everything that was measured, as plain data."""
    return {
        "schema": SCHEMA,
        "rounds": rounds,
        "hosts": hosts,
        "processors": os.cpu_count(),
        # What else the machine had to do, and so how far to trust the times.
        "load": round(os.getloadavg()[1], 1),
        "rows": [
            {
                "name": each.row.name,
                "what": each.row.what,
                "unit": each.row.unit,
                "quantity": each.row.quantity,
                "outcomes": [dataclasses.asdict(outcome) for outcome in each.outcomes],
                "bars": [
                    {
                        **dataclasses.asdict(comparison.limit),
                        "point": comparison.point,
                        "ratio": comparison.ratio,
                        "processor_ratio": comparison.processor_ratio,
                        "met": comparison.met,
                    }
                    for comparison in each.comparisons
                ],
            }
            for each in measurements
        ],
    }
