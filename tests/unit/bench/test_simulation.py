# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is computed of a fleet that nobody has measured."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.nix.fleet.tests.bench.measure import BenchError
from ansible_collections.nix.fleet.tests.bench.report import SCHEMA
from ansible_collections.nix.fleet.tests.bench.rounds import Outcome, Spread
from ansible_collections.nix.fleet.tests.bench.simulation import (
    Cost,
    Machine,
    Work,
    cost_of_pairs,
    points_of,
    report,
    simulated,
)

MACHINE = Machine(cores=4, forks=50, uplink=1e6)
WORK = Work("work", Cost(1.0, 0.5), 0.02, Cost(0.0, 1000.0), 10.0, 20, 0.0)
MEMORY = Cost(1e8, 1e5)


def test_a_cost_is_found_again_in_what_it_makes() -> None:
    made = Cost(3.0, 0.25, 0.001)
    found = Cost.fitted({hosts: made.of(hosts) for hosts in (50, 200, 500, 1000)}, degree=2)
    assert (found.fixed, found.each, found.pairs) == pytest.approx((3.0, 0.25, 0.001))


def test_noise_makes_no_cost_less_than_nothing() -> None:
    found = Cost.fitted({50: 10.0, 200: 41.0, 500: 90.0}, degree=2)
    assert min(found.fixed, found.each, found.pairs) >= 0
    assert found.of(500) == pytest.approx(90, rel=0.2)


def test_too_few_points_say_nothing() -> None:
    with pytest.raises(BenchError, match="3 points are needed, and there are 2"):
        Cost.fitted({50: 1.0, 200: 2.0}, degree=2)


def test_what_takes_longest_is_the_least_and_the_sum_the_most() -> None:
    found = simulated(WORK, MEMORY, MACHINE, hosts=1000, jobs=1)
    assert (found.processor, found.alone, found.link, found.waiting) == pytest.approx((125.25, 20.0, 1.0, 200.0))
    assert (found.least, found.most) == pytest.approx((200.0, 346.25))


def test_jobs_side_by_side_share_the_hosts_and_not_the_machine() -> None:
    found = simulated(WORK, MEMORY, MACHINE, hosts=1000, jobs=3)
    assert found.processor == pytest.approx((1 + 0.5 * 334) / 4)
    assert found.waiting == 70.0
    assert found.memory == pytest.approx(1e8 + 334e5)


def record(row: str, **points: dict[str, float]) -> dict[str, t.Any]:
    outcomes = [
        *(Outcome(int(point[1:]), "nix.fleet", "us", spreads(found)) for point, found in points.items()),
        Outcome(7, "nix.fleet", "us", missing="it failed"),
        Outcome(9, "colmena", "peer", spreads({"seconds": 1.0})),
    ]
    return {"schema": SCHEMA, "rows": [{"name": row, "outcomes": list(map(dataclasses.asdict, outcomes))}]}


def spreads(quantities: dict[str, float]) -> dict[str, Spread]:
    return {name: Spread.of([value]) for name, value in quantities.items()}


def cost(hosts: int, pairs: float = 0.0) -> dict[str, float]:
    seconds = 2 + hosts / 2 + pairs * hosts**2
    return {"processor_seconds": seconds, "bytes_sent": 1000.0 * hosts, "seconds": 5.0, "memory_bytes": 1e8}


REDEPLOY = record("redeploy", p5=cost(5), p20=cost(20), p50=cost(50))
FIRST = record("first-deployment", p5=cost(5), p20=cost(20))
MANY = record("many-hosts", p50=cost(50), p200=cost(200), p500=cost(500))


def test_only_what_was_measured_of_us_counts() -> None:
    assert sorted(points_of([REDEPLOY], "redeploy")) == [5, 20, 50]
    assert points_of([REDEPLOY], "first-deployment") == {}


def test_the_tables_have_each_fleet_in_each_number_of_jobs() -> None:
    lines = list(report([REDEPLOY, MANY], MACHINE, (1000, 10000), (1, 10)))
    assert "| nothing to do | 2.0 s + 500 ms | none seen | 1 kB | 5.0 s | +0 % at 50 hosts |" in lines
    # (2 + 10,000 / 2) / 4 of the processor, 2 tasks of 17 ms each, and 200 times as many hosts as forks.
    assert "| nothing to do | 10,000 | 1 | 21 min | 6 min | 10 s | 17 min | 21 min to 43 min | 0.1 GB |" in lines
    assert sum(line.startswith("| nothing to do | 1") for line in lines) == 4


def grown(*numbers: int, pairs: float) -> dict[int, dict[str, float]]:
    return {hosts: cost(hosts, pairs) for hosts in numbers}


def test_pairs_of_hosts_cost_something_if_enough_points_show_it() -> None:
    assert cost_of_pairs(grown(50, 200, 500, 1000, pairs=1e-4)) == pytest.approx(1e-4)
    # A curve goes through any three points.
    assert cost_of_pairs(grown(50, 200, 500, pairs=1e-4)) == 0.0
    # 1,000 hosts cost 502 s, of which 10 are no more than what chance may do.
    assert cost_of_pairs(grown(50, 200, 500, 1000, pairs=1e-5)) == 0.0


def test_what_pairs_cost_comes_with_each_task() -> None:
    growth = {f"p{hosts}": found for hosts, found in grown(50, 200, 500, 1000, pairs=1e-4).items()}
    lines = list(report([REDEPLOY, record("many-hosts", **growth)], MACHINE, (1000,), (1,)))
    assert "| nothing to do | 2.0 s + 500 ms | 200.0 µs | 1 kB | 5.0 s | +0 % at 50 hosts |" in lines


def test_what_is_known_better_of_a_deployment_takes_the_place_of_what_was_measured() -> None:
    lines = list(report([REDEPLOY, FIRST, MANY], MACHINE, (1000,), (1,), host_seconds=60.0, sent=5e6))
    assert "| first deployment | 1,000 | 1 | 2 min | 85 s | 83 min | 20 min | 83 min to 1.8 h | not measured |" in lines
    # Where there is nothing to do, nothing is sent.
    assert "| nothing to do | 1,000 | 1 | 2 min | 34 s | 1 s | 2 min | 2 min to 4 min | 0.1 GB |" in lines


def test_hosts_under_way_have_memory_and_those_that_wait_have_none() -> None:
    memory = {f"p{hosts}": {"memory_bytes": 1e8 + 2e7 * hosts} for hosts in (1, 5, 20)}
    lines = list(report([REDEPLOY, FIRST, MANY, record("deployment-memory", **memory)], MACHINE, (10, 1000), (1,)))
    rooms = [line.split(" | ")[-1] for line in lines if line.startswith("| first deployment | 1")]
    # With 50 forks: 100 MB and 20 more for each of 10 hosts, or of 50.
    assert rooms == ["0.3 GB |", "1.1 GB |"]


def test_a_record_without_the_rows_is_refused() -> None:
    with pytest.raises(BenchError, match="no row of redeploy, first-deployment"):
        list(report([MANY], MACHINE, (1000,), (1,)))
