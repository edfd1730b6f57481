# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bench makes of its measurements, and computes of a fleet that nobody has measured."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.tests.bench.catalogue import all_rows
from ansible_collections.nix.fleet.tests.bench.comparison import comparisons
from ansible_collections.nix.fleet.tests.bench.record import Bar, Command, Row, Way
from ansible_collections.nix.fleet.tests.bench.rounds import Outcome, Spread


def way(name: str, kind: str) -> Way:
    return Way(name, kind, lambda ground, _point: Command((), ground.work))  # type: ignore[arg-type]


ROW = Row(
    name="row",
    what="work",
    unit="hosts",
    points=(1, 20),
    more=(50,),
    at=20,
    ways=(way("nix.fleet", "us"), way("bare", "bare"), way("peer", "peer")),
    bars=(Bar(1.5, "bare"), Bar(0.5, "peer")),
)


def outcome(point: int, name: str, *seconds: float) -> Outcome:
    kind = "us" if name == "nix.fleet" else name
    return Outcome(point, name, kind, {"seconds": Spread.of(seconds), "processor_seconds": Spread.of(seconds)})


OUTCOMES = (
    outcome(1, "nix.fleet", 1.0),
    outcome(1, "bare", 0.1),
    Outcome(1, "peer", "peer", missing="peer is not on PATH"),
    outcome(20, "nix.fleet", 2.0, 9.0, 3.0),
    outcome(20, "bare", 2.0, 2.5, 1.0),
    Outcome(20, "peer", "peer", missing="peer is not on PATH"),
)


def test_a_bar_is_judged_by_the_medians_at_its_point() -> None:
    bare, _peer = comparisons(ROW, OUTCOMES)
    assert (bare.point, bare.ratio, bare.met) == (20, 1.5, True)


def test_a_bar_against_a_tool_that_is_not_there_is_neither_met_nor_missed() -> None:
    _bare, peer = comparisons(ROW, OUTCOMES)
    assert peer.met is None
    assert "not measured" in str(peer)
    assert "peer is not on PATH" in str(peer)


@pytest.mark.parametrize("row", all_rows(), ids=lambda row: row.name)
def test_every_bar_is_between_ways_of_its_own_row(row: Row) -> None:
    names = {way.name for way in row.ways}
    assert all({limit.us, limit.against} <= names for limit in row.bars)
