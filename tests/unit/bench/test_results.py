# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bench makes of its measurements."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from ansible_collections.nix.fleet.tests.bench.catalogue import all_rows
from ansible_collections.nix.fleet.tests.bench.chart import chart
from ansible_collections.nix.fleet.tests.bench.quantity import shown
from ansible_collections.nix.fleet.tests.bench.record import Bar, Command, Row, Way
from ansible_collections.nix.fleet.tests.bench.report import Measurement, table
from ansible_collections.nix.fleet.tests.bench.rounds import Outcome, Spread
from ansible_collections.nix.fleet.tests.bench.scale import Scale
from ansible_collections.nix.fleet.tests.bench.verdict import verdicts


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
MEASUREMENT = Measurement(ROW, OUTCOMES, tuple(verdicts(ROW, OUTCOMES)))


def test_a_bar_is_judged_by_the_medians_at_its_point() -> None:
    bare, _peer = verdicts(ROW, OUTCOMES)
    assert (bare.point, bare.ratio, bare.met) == (20, 1.5, True)


def test_a_bar_against_a_tool_that_is_not_there_is_neither_met_nor_missed() -> None:
    _bare, peer = verdicts(ROW, OUTCOMES)
    assert peer.met is None
    assert "not measured" in str(peer)
    assert "peer is not on PATH" in str(peer)


def test_with_fewer_hosts_a_bar_is_judged_at_as_many_as_there_are() -> None:
    (bare, _peer) = verdicts(ROW, OUTCOMES[:3])
    assert (bare.point, bare.met) == (1, False)


def test_no_more_hosts_are_asked_for_than_there_are() -> None:
    assert ROW.at_points(everything=True, hosts=20) == (1, 20)
    assert ROW.at_points(everything=False, hosts=50) == (1, 20)
    assert ROW.at_points(everything=True, hosts=50) == (1, 20, 50)


def test_the_chart_names_each_way_that_was_measured() -> None:
    picture = ElementTree.fromstring(chart([MEASUREMENT]))
    words = " ".join(picture.itertext())
    assert "nix.fleet" in words
    assert "bare" in words
    assert "peer is" not in words


def test_the_table_says_why_a_way_was_not_measured() -> None:
    assert any("peer is not on PATH" in line for line in table(MEASUREMENT))


@pytest.mark.parametrize("row", all_rows(), ids=lambda row: row.name)
def test_every_bar_is_between_ways_of_its_own_row(row: Row) -> None:
    names = {way.name for way in row.ways}
    assert all({limit.us, limit.against} <= names for limit in row.bars)


def test_every_row_has_a_name_of_its_own() -> None:
    names = [row.name for row in all_rows()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("seconds", 1.2345, "1.23 s"),
        ("seconds", 123.4, "123 s"),
        ("bytes_sent", 32_400_000, "32.4 MB"),
        ("processes", 12, "12"),
    ],
)
def test_quantities_have_units(name: str, value: float, words: str) -> None:
    assert shown(name, value) == words


def test_equal_ratios_are_equally_far_apart() -> None:
    scale = Scale(1, 100, 0, 200)
    assert scale.at(10) == pytest.approx(100)
    assert [*scale.marks()] == [1, 2, 5, 10, 20, 50, 100]


def test_a_scale_of_a_single_value_is_not_empty() -> None:
    scale = Scale.around([5.0, 5.0], 0, 100)
    assert scale.low < 5 < scale.high
