# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart: a panel for each row, cost against size, a line for each way.

`make bench` draws one of its run; several runs make one by

    python -m tests.bench.chart --rows 'redeploy,copy-*' A/bench.json B/bench.json > bench.svg
"""

from __future__ import annotations

import argparse
import json
import textwrap
import typing as t
from pathlib import Path

from .drawing import INK, PALE, RULE, line, path, picture, text
from .drawing import element as shape
from .measure import BenchError
from .quantity import shown
from .recorded import measurements as recorded
from .scale import Scale

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .report import Measurement
    from .rounds import Spread

WIDTH, HEIGHT, COLUMNS, MARGIN = 480, 300, 2, 24
HEAD = 84
LEFT, RIGHT, TOP, BOTTOM = 56, 170, 66, 44
LABEL = 14
US = "#0b6bcb"
BARE = ("#7b8794", "#a3672d", "#52606d")
PEERS = ("#d64545", "#2f8132", "#8a4fbf", "#c99a06")


def chart(measurements: Sequence[Measurement]) -> str:
    """Return the picture of all rows."""
    panels = [each for each in measurements if any(outcome.quantities for outcome in each.outcomes)]
    rows = -(-len(panels) // COLUMNS)
    shapes = [
        text(MARGIN + 8, 38, "nix.fleet beside the bare work and its peers", size=19, font_weight=600),
        text(MARGIN + 8, 58, "medians; the bar on a point is from the least to the most. Less is better.", colour=PALE),
    ]
    for number, measurement in enumerate(panels):
        x, y = MARGIN + number % COLUMNS * (WIDTH + MARGIN), HEAD + number // COLUMNS * (HEIGHT + MARGIN)
        shapes.append(shape("g", "\n".join(_panel(measurement)), transform=f"translate({x} {y})"))
    width = MARGIN + COLUMNS * (WIDTH + MARGIN)
    return picture(width, HEAD + rows * (HEIGHT + MARGIN), "nix.fleet: results of the bench", shapes)


def _panel(measurement: Measurement) -> Iterator[str]:
    row = measurement.row
    lines = _lines(measurement)
    points = sorted({point for spreads in lines.values() for point in spreads})
    values = [each for spreads in lines.values() for spread in spreads.values() for each in (spread.least, spread.most)]
    down = Scale.around(values, HEIGHT - BOTTOM, TOP)
    across = {point: _position(number, len(points)) for number, point in enumerate(points)}
    yield text(8, 18, row.name, size=14, font_weight=600)
    for number, words in enumerate(textwrap.wrap(row.what, 80)[:2]):
        yield text(8, 34 + 14 * number, words, colour=PALE)
    for mark in down.marks():
        yield line(LEFT, down.at(mark), WIDTH - RIGHT, down.at(mark), RULE)
        yield text(LEFT - 8, down.at(mark) + 4, shown(row.quantity, mark), size=10.5, colour=PALE, text_anchor="end")
    for point in points:
        yield text(across[point], HEIGHT - BOTTOM + 18, str(point), text_anchor="middle")
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 35, row.unit, colour=PALE, text_anchor="middle")
    colours = _colours(measurement)
    for way, spreads in lines.items():
        yield from _line(spreads, colours[way], across, down, thick=colours[way] == US)
    yield from _labels(measurement, lines, colours, across, down)


def _lines(measurement: Measurement) -> dict[str, dict[int, Spread]]:
    """Return what is drawn of each way, by point."""
    lines: dict[str, dict[int, Spread]] = {}
    for outcome in measurement.outcomes:
        if outcome.quantities:
            lines.setdefault(outcome.way, {})[outcome.point] = outcome.quantities[measurement.row.quantity]
    return lines


def _colours(measurement: Measurement) -> dict[str, str]:
    palettes = {"us": iter([US]), "bare": iter(BARE), "peer": iter(PEERS)}
    return {way.name: next(palettes[way.kind], INK) for way in measurement.row.ways}


def _position(number: int, count: int) -> float:
    """Return where a point is on the axis across: all are equally far from each other."""
    room = WIDTH - RIGHT - LEFT
    return LEFT + room * ((number + 0.5) / count)


def _line(
    spreads: dict[int, Spread], colour: str, across: dict[int, float], down: Scale, *, thick: bool
) -> Iterator[str]:
    width = 2.6 if thick else 1.6
    places = [(across[point], down.at(spread.median)) for point, spread in sorted(spreads.items())]
    yield path(places, colour, stroke_width=width)
    for point, spread in spreads.items():
        x = across[point]
        yield line(x, down.at(spread.least), x, down.at(spread.most), colour, 5, stroke_opacity=0.3)
        yield shape("circle", cx=x, cy=down.at(spread.median), r=3.6 if thick else 2.8, fill=colour)


def _labels(
    measurement: Measurement,
    lines: dict[str, dict[int, Spread]],
    colours: dict[str, str],
    across: dict[int, float],
    down: Scale,
) -> Iterator[str]:
    """Yield the name and the last value of each line at its end, none on top of another."""
    ends = {way: spreads[max(spreads)].median for way, spreads in lines.items()}
    placed = _apart(sorted((down.at(value), way) for way, value in ends.items()))
    for y, way in placed:
        here = down.at(ends[way])
        x = across[max(lines[way])]
        yield line(x + 6, here, WIDTH - RIGHT + 8, y, colours[way], 0.8, stroke_opacity=0.5)
        words = f"{way} · {shown(measurement.row.quantity, ends[way])}"
        weight = {"font_weight": 600} if colours[way] == US else {}
        yield text(WIDTH - RIGHT + 12, y + 4, words, colour=colours[way], **weight)


def _apart(wanted: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Move labels down as far as they need, and all of them up again when they leave the panel."""
    placed: list[tuple[float, str]] = []
    for y, way in wanted:
        placed.append((max(y, placed[-1][0] + LABEL) if placed else y, way))
    excess = max(0.0, placed[-1][0] - (HEIGHT - BOTTOM)) if placed else 0.0
    return [(y - excess, way) for y, way in placed]


def main() -> None:
    """Print the picture of what the runs that are named have measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("record", nargs="+", type=Path, help="what make bench wrote: bench.json; the last one counts")
    parser.add_argument("--rows", metavar="NAME,…", help="only the rows of these names; * stands for anything")
    options = parser.parse_args()
    try:
        print(chart(recorded([json.loads(path.read_text()) for path in options.record], options.rows)), end="")
    except BenchError as error:
        raise SystemExit(f"chart: {error}") from error


if __name__ == "__main__":
    main()
