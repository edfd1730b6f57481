# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several runs of the bench, read back as one."""

from __future__ import annotations

import json
import sys
import typing as t
from xml.etree import ElementTree

import pytest

from ansible_collections.nix.fleet.tests.bench import chart
from ansible_collections.nix.fleet.tests.bench.catalogue import chosen
from ansible_collections.nix.fleet.tests.bench.measure import BenchError
from ansible_collections.nix.fleet.tests.bench.recorded import measurements
from ansible_collections.nix.fleet.tests.bench.report import Measurement, as_json
from ansible_collections.nix.fleet.tests.bench.rounds import Outcome, Spread

if t.TYPE_CHECKING:
    from pathlib import Path


def run(name: str, *outcomes: Outcome) -> dict[str, t.Any]:
    """Return what `make bench` would write of one row."""
    (row,) = chosen(name)
    return json.loads(json.dumps(as_json([Measurement(row, outcomes, ())], rounds=3, hosts=20)))


def ours(point: int, seconds: float) -> Outcome:
    return Outcome(point, "nix.fleet", "us", {"seconds": Spread.of([seconds])})


COLMENA = Outcome(20, "colmena", "peer", {"seconds": Spread.of([7.0, 9.0, 8.0])})
NO_COLMENA = Outcome(20, "colmena", "peer", missing="colmena is not on PATH")


def test_what_was_written_is_read_back() -> None:
    (found,) = measurements([run("redeploy", ours(20, 5.0), NO_COLMENA)])
    assert (found.row.name, found.outcomes) == ("redeploy", (ours(20, 5.0), NO_COLMENA))


def test_the_last_run_counts_where_two_have_measured_the_same() -> None:
    older = run("redeploy", ours(5, 2.0), ours(20, 5.0), NO_COLMENA)
    (found,) = measurements([older, run("redeploy", ours(20, 4.0), COLMENA)])
    assert found.outcomes == (ours(5, 2.0), ours(20, 4.0), COLMENA)


def test_what_is_missing_in_a_later_run_takes_nothing_away() -> None:
    (found,) = measurements([run("redeploy", COLMENA), run("redeploy", ours(20, 4.0), NO_COLMENA)])
    assert found.outcomes == (ours(20, 4.0), COLMENA)


def test_rows_are_in_the_catalogue_s_order_whichever_run_they_are_of() -> None:
    runs = [run("redeploy", ours(20, 5.0)), run("first-deployment", ours(20, 18.0)), run("inventory", ours(1000, 2.0))]
    assert [found.row.name for found in measurements(runs)] == ["first-deployment", "inventory", "redeploy"]
    assert [found.row.name for found in measurements(runs, "re*,inv*")] == ["inventory", "redeploy"]


def test_a_record_of_another_schema_is_refused() -> None:
    with pytest.raises(BenchError, match="schema 2"):
        measurements([{"schema": 2, "rows": []}])


def test_one_picture_is_drawn_of_several_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [run("redeploy", ours(5, 2.0), COLMENA), run("redeploy", ours(20, 4.0)), run("inventory", ours(1000, 2.0))]
    files = [tmp_path / f"{number}.json" for number in range(len(runs))]
    for file, data in zip(files, runs, strict=True):
        file.write_text(json.dumps(data))
    monkeypatch.setattr(sys, "argv", ["chart", "--rows", "redeploy", *map(str, files)])
    chart.main()
    words = " ".join(ElementTree.fromstring(capsys.readouterr().out).itertext())
    assert "nix.fleet · 4 s" in words
    assert "colmena · 8 s" in words
    assert "inventory" not in words
