# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measuring itself: all ways of a row take turns, round by round, so that a busy moment hits none of them alone."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import statistics
import typing as t

from .measure import BenchError, measure
from .memory import PeakMemory

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .ground import Ground
    from .record import Measured, Row, Way


@dataclasses.dataclass(frozen=True)
class Spread:
    """What several measurements of one quantity come to."""

    median: float
    least: float
    most: float
    rounds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values), len(values))


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one way at one point: its quantities, or why there are none."""

    point: int
    way: str
    kind: str
    quantities: dict[str, Spread] = dataclasses.field(default_factory=dict)
    missing: str | None = None


def played(
    row: Row, ground: Ground, points: Sequence[int], rounds: int, say: Callable[[str], None]
) -> Iterator[Outcome]:
    """Measure a row, and yield what became of each way at each point."""
    for point in points:
        samples: dict[str, list[Measured]] = {way.name: [] for way in row.ways}
        missing = {way.name: reason for way in row.ways if (reason := _why_not(way, ground, point))}
        try:
            row.prepare(ground, point)
        except BenchError as error:
            say(f"{row.name}, {point} {row.unit}: {error}")
            missing |= {way.name: str(error) for way in row.ways}
        for number in range(1, rounds + 1):
            for way in row.ways:
                if way.name in missing:
                    continue
                say(f"{row.name}, {point} {row.unit}, round {number}: {way.name}")
                try:
                    samples[way.name].append(_once(row, way, ground, point))
                except BenchError as error:
                    missing[way.name] = str(error)
                    say(f"{way.name} failed: {error}")
        for way in row.ways:
            quantities = {} if way.name in missing else _spreads(samples[way.name])
            yield Outcome(point, way.name, way.kind, quantities, missing.get(way.name))


def _once(row: Row, way: Way, ground: Ground, point: int) -> Measured:
    way.before(ground, point)
    ground.disconnect()
    before = ground.traffic()
    command = way.command(ground, point)
    # What the way before has written is written by now, and is not waited for by this one.
    os.sync()
    with contextlib.ExitStack() as stack:
        host = row.watched and stack.enter_context(PeakMemory(lambda: ground.processes_of(row.watched)))
        run = measure(command, ground.work / "output", memory=row.memory)
    after = ground.traffic()
    carried = {name: float(after[name] - before[name]) for name in after}
    its = {"host_memory_bytes": float(host.bytes)} if host else {}
    return {**run.measured, **carried, **its, **way.read(ground, point, run)}


def _why_not(way: Way, ground: Ground, point: int) -> str | None:
    path = ground.environment["PATH"]
    for program in way.needs:
        if shutil.which(program, path=path) is None:
            return f"{program} is not on PATH"
    if way.up_to is not None and point > way.up_to:
        return f"not tried beyond {way.up_to}"
    return None


def _spreads(samples: Sequence[Measured]) -> dict[str, Spread]:
    return {name: Spread.of([sample[name] for sample in samples]) for name in samples[0]}
