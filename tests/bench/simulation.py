# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a fleet takes that is larger than any bench: computed from what a bench has measured of a host.

    python3 -m tests.bench.simulation A/bench.json B/bench.json --hosts 1000,10000 --slices 1,10

The model, whose assumptions tests/bench/README.md states: a job of n hosts costs its controller ``fixed + each · n`` of the
processor's time and of bytes, by the rows `redeploy` and `first-deployment`. Where `many-hosts` shows that a task costs
more the more hosts there are, each task of a job costs ``pairs · n²`` besides. Of that, Ansible's own process does some for
every task alone, whatever the number of processors. Hosts wait for their own work beside it, as many at a time as there are
forks. What takes longest of these is the least that a job can take, their sum the most.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import typing as t
from pathlib import Path

from .measure import BenchError
from .recorded import measurements

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .recorded import Record

DEPLOYMENT = "first deployment"
WORKS = {"redeploy": "nothing to do", "first-deployment": DEPLOYMENT}
# How many tasks a host has in each, skipped ones too, and how long Ansible's own process is at each: tests/bench/README.md,
# "Where the time goes".
TASKS = {"redeploy": 4, "first-deployment": 10}
SECONDS_A_TASK = 0.017
GROWTH = "many-hosts"
MEMORY = "deployment-memory"
# A curve goes through any three points: what pairs of hosts cost is believed from four on, and if it is that part of the
# largest fleet's cost.
POINTS_OF_A_CURVE, PART_OF_PAIRS = 4, 0.05
Points = dict[int, dict[str, float]]


@dataclasses.dataclass(frozen=True)
class Cost:
    """What n hosts cost: ``fixed + each · n + pairs · n²``; none of it is less than nothing."""

    fixed: float
    each: float
    pairs: float = 0.0

    @classmethod
    def fitted(cls, points: Mapping[int, float], *, degree: int = 1) -> Cost:
        """Return what comes closest to what was measured, by the least squares of the relative errors."""
        if len(points) <= degree:
            raise BenchError(f"{degree + 1} points are needed, and there are {len(points)}: measure more of them")
        for terms in ([0, 1, 2][: degree + 1], [0, 1], [1]):
            found = dict(zip(terms, _least_squares(points, terms), strict=True))
            if all(value >= 0 for value in found.values()):
                break
        return cls(found.get(0, 0.0), found.get(1, 0.0), found.get(2, 0.0))

    def of(self, hosts: float) -> float:
        """Return the cost of so many hosts."""
        return self.fixed + self.each * hosts + self.pairs * hosts**2


def _least_squares(points: Mapping[int, float], terms: Sequence[int]) -> list[float]:
    # Divided by the value, so that a small fleet's cost counts as much as a large one's.
    rows = [[hosts**term / value for term in terms] for hosts, value in points.items() if value]
    matrix = [[sum(row[i] * row[j] for row in rows) for j in range(len(terms))] for i in range(len(terms))]
    right = [sum(row[i] for row in rows) for i in range(len(terms))]
    return _solved(matrix, right)


def _solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Return the solution of a few linear equations, by elimination."""
    size = len(right)
    rows = [[*matrix[i], right[i]] for i in range(size)]
    for i in range(size):
        best = max(range(i, size), key=lambda row: abs(rows[row][i]))
        rows[i], rows[best] = rows[best], rows[i]
        for j in range(size):
            if j != i:
                factor = rows[j][i] / rows[i][i]
                rows[j] = [mine - factor * other for mine, other in zip(rows[j], rows[i], strict=True)]
    return [rows[i][size] / rows[i][i] for i in range(size)]


@dataclasses.dataclass(frozen=True)
class Work:
    """What a controller spends on a fleet, in seconds of the processor and bytes sent, and how long one host takes."""

    name: str
    processor: Cost
    # What of it only one process can do, for each host.
    alone: float
    sent: Cost
    host_seconds: float
    # The largest fleet that was measured, and by how much its processor's time differs from what the others foretell.
    largest: int
    error: float | None
    # The memory that each host takes that is under way at a time, beside what each takes in any case; None: not measured.
    under_way: float | None = 0.0

    @classmethod
    def measured(cls, name: str, points: Points, pairs: float, tasks: int, under_way: float | None) -> Work:
        """Read the costs off what was measured at several numbers of hosts; ``pairs`` is a task's."""
        processor = {hosts: found["processor_seconds"] for hosts, found in points.items()}
        largest = max(points)
        others = {hosts: value for hosts, value in processor.items() if hosts != largest}
        predicted = Cost.fitted(others).of(largest) if len(others) > 1 else None
        cost = Cost.fitted(processor)
        return cls(
            name,
            dataclasses.replace(cost, pairs=pairs * tasks),
            tasks * SECONDS_A_TASK,
            Cost.fitted({hosts: found["bytes_sent"] for hosts, found in points.items()}),
            # With the start of Ansible, which a host of a large fleet does not wait for: rather too much.
            points[min(points)]["seconds"],
            largest,
            None if predicted is None else predicted / processor[largest] - 1,
            under_way,
        )


@dataclasses.dataclass(frozen=True)
class Machine:
    """A controller of which each job has one for itself."""

    cores: int
    forks: int
    # Bytes a second that leave it.
    uplink: float


@dataclasses.dataclass(frozen=True)
class Simulated:
    """A fleet in so many jobs side by side, each on a machine of its own. Seconds but for ``memory``, which is bytes."""

    hosts: int
    jobs: int
    processor: float
    alone: float
    link: float
    waiting: float
    memory: float | None

    @property
    def least(self) -> float:
        """How long it takes when all of it overlaps."""
        return max(self.processor, self.alone, self.link, self.waiting)

    @property
    def most(self) -> float:
        """How long it takes when nothing does."""
        return self.processor + self.alone + self.link + self.waiting


def simulated(work: Work, memory: Cost, machine: Machine, hosts: int, jobs: int) -> Simulated:
    """Return what a fleet takes; the largest of the jobs decides."""
    share = math.ceil(hosts / jobs)
    return Simulated(
        hosts,
        jobs,
        work.processor.of(share) / machine.cores,
        work.alone * share,
        work.sent.of(share) / machine.uplink,
        math.ceil(share / machine.forks) * work.host_seconds,
        None if work.under_way is None else memory.of(share) + work.under_way * min(share, machine.forks),
    )


def points_of(records: Sequence[Record], row: str) -> Points:
    """Return what was measured of us in a row, by the number of hosts; the last record counts."""
    return {
        outcome.point: {name: spread.median for name, spread in outcome.quantities.items()}
        for found in measurements(records, row)
        for outcome in found.outcomes
        if outcome.kind == "us" and not outcome.missing
    }


def cost_of_pairs(growth: Points) -> float:
    """Return what a task costs for each pair of hosts, in seconds of the processor: nothing if what was measured does not
    show it.
    """
    if len(growth) < POINTS_OF_A_CURVE:
        return 0.0
    cost = Cost.fitted({hosts: found["processor_seconds"] for hosts, found in growth.items()}, degree=2)
    largest = max(growth)
    return cost.pairs if cost.pairs * largest**2 >= PART_OF_PAIRS * cost.of(largest) else 0.0


def memory_under_way(records: Sequence[Record], name: str) -> float | None:
    """Return the bytes of memory that the controller has for each host that is under way; None if nobody has measured it."""
    if name != DEPLOYMENT:
        return 0.0
    points = points_of(records, MEMORY)
    return Cost.fitted({n: found["memory_bytes"] for n, found in points.items()}).each if len(points) > 1 else None


def report(
    records: Sequence[Record],
    machine: Machine,
    fleets: Sequence[int],
    slices: Sequence[int],
    host_seconds: float | None = None,
    sent: float | None = None,
) -> Iterator[str]:
    """Yield the lines of the tables, as Markdown."""
    growth = points_of(records, GROWTH)
    pairs = cost_of_pairs(growth)
    memory = Cost.fitted({n: found["memory_bytes"] for n, found in growth.items()})
    works = [
        Work.measured(name, points, pairs, TASKS[row], memory_under_way(records, name))
        for row, name in WORKS.items()
        if len(points := points_of(records, row)) > 1
    ]
    if not works:
        raise BenchError(f"no row of {', '.join(WORKS)} was measured at two numbers of hosts or more")
    yield "| work | processor, a job and a host | of each pair of hosts | sent, a host | one host | predicted at most |"
    yield "|---|---|---|---|---|---|"
    for work in works:
        error = "not enough points" if work.error is None else f"{round(100 * work.error):+d} % at {work.largest} hosts"
        yield (
            f"| {work.name} | {work.processor.fixed:.1f} s + {work.processor.each * 1000:.0f} ms "
            f"| {_microseconds(work.processor.pairs)} | {work.sent.each / 1e3:.0f} kB "
            f"| {work.host_seconds:.1f} s | {error} |"
        )
    yield ""
    yield "| work | hosts | jobs | processor | Ansible's process | link | hosts' own | a job takes | memory of a job |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for work in works:
        assumed = _assumed(work, host_seconds, sent)
        for hosts in fleets:
            for jobs in slices:
                found = simulated(assumed, memory, machine, hosts, jobs)
                room = "not measured" if found.memory is None else f"{found.memory / 1e9:.1f} GB"
                cells = (found.processor, found.alone, found.link, found.waiting)
                yield (
                    f"| {work.name} | {hosts:,} | {jobs} | {' | '.join(map(_time, cells))} "
                    f"| {_time(found.least)} to {_time(found.most)} | {room} |"
                )


def _assumed(work: Work, host_seconds: float | None, sent: float | None) -> Work:
    """Return the work with what is known better than the bench, whose hosts are quick and small."""
    if work.name != DEPLOYMENT:
        return work
    return dataclasses.replace(
        work,
        host_seconds=work.host_seconds if host_seconds is None else host_seconds,
        sent=work.sent if sent is None else Cost(0.0, sent),
    )


def _microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs" if seconds else "none seen"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("record", nargs="+", type=Path, help="what make bench wrote: bench.json")
    parser.add_argument("--hosts", type=_numbers, default=(1000, 10000), metavar="N,…", help="the fleets (%(default)s)")
    parser.add_argument("--slices", type=_numbers, default=(1, 10), metavar="N,…", help="the jobs (%(default)s)")
    parser.add_argument("--cores", type=int, default=8, help="of each controller (%(default)s)")
    parser.add_argument("--forks", type=int, default=100, help="of each job (%(default)s)")
    parser.add_argument("--uplink", type=float, default=1000, help="of each controller, in Mbit/s (%(default)s)")
    parser.add_argument(
        "--host-seconds", type=float, help="how long one deployment takes, instead of what was measured"
    )
    parser.add_argument(
        "--sent", type=float, metavar="MB", help="what a deployment sends, instead of what was measured"
    )
    options = parser.parse_args()
    sent = None if options.sent is None else options.sent * 1e6
    machine = Machine(options.cores, options.forks, options.uplink * 1e6 / 8)
    records = [json.loads(path.read_text()) for path in options.record]
    try:
        for line in report(records, machine, options.hosts, options.slices, options.host_seconds, sent):
            print(line)
    except BenchError as error:
        raise SystemExit(f"simulation: {error}") from error


def _numbers(words: str) -> tuple[int, ...]:
    return tuple(int(word) for word in words.split(","))


if __name__ == "__main__":
    main()
