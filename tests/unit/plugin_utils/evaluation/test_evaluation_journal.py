# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that one process writes while many read it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.evaluation_journal import Journal
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.evaluation_result import Evaluated, Failed
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.source import Snapshot

if t.TYPE_CHECKING:
    from pathlib import Path

A, B = Evaluated("/nix/store/a.drv"), Evaluated("/nix/store/b.drv")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def test_a_reader_goes_on_from_where_it_was(path: Path) -> None:
    writer, reader = Journal(path), Journal(path)
    reader.read_on()
    assert reader.answer("a") is None
    writer.tell_snapshot(Snapshot(revision="one"))
    writer.tell_result("a", A, cached=True)
    reader.read_on()
    writer.tell_result("b", B, cached=False)
    reader.read_on()
    answers = [reader.answer(name) for name in "ab"]
    assert [(answer.result, answer.cached) for answer in answers if answer] == [(A, True), (B, False)]
    assert reader.snapshot == Snapshot(revision="one")


def test_a_line_on_its_way_is_read_when_it_has_come(path: Path) -> None:
    Journal(path).tell_result("a", A, cached=False)
    whole = path.read_bytes()
    reader = Journal(path)
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        reader.read_on()
        assert reader.answer("a") is None
    path.write_bytes(whole)
    reader.read_on()
    assert reader.answer("a") is not None


def test_what_a_killed_writer_left_spoils_nothing_after_it(path: Path) -> None:
    path.write_text('{"attribute": "a", "resu')
    Journal(path).tell_result("b", B, cached=False)
    reader = Journal(path)
    reader.read_on()
    assert list(reader.results) == ["b"]


def test_a_failure_of_all_spares_what_was_found_before(path: Path) -> None:
    writer = Journal(path)
    writer.tell_result("a", A, cached=False)
    writer.tell_failure(Failed("the machine is gone"))
    writer.read_on()
    results = [answer.result for name in "ab" if (answer := writer.answer(name))]
    assert results == [A, Failed("the machine is gone")]


@pytest.mark.parametrize(
    "line", ["", "[]", "7", "null", "{}", '{"snapshot": {"x": 1}}', '{"attribute": "a"}', "x" * 99]
)
def test_a_line_of_another_make_counts_as_nothing(path: Path, line: str) -> None:
    path.write_text(f"{line}\n")
    reader = Journal(path)
    reader.read_on()
    assert reader.answer("a") is None


def test_a_host_reads_of_all_results_its_own_alone(path: Path) -> None:
    writer = Journal(path)
    names = ['a"b.c', "a", "ab", "é", "a\\"]
    writer.tell_snapshot(Snapshot(revision="one"))
    for name in names:
        writer.tell_result(name, Evaluated(f"/nix/store/{name}.drv"), cached=False)
    for name in names:
        reader = Journal(path, name)
        reader.read_on()
        assert reader.results == {name: Evaluated(f"/nix/store/{name}.drv")}
        assert reader.snapshot == Snapshot(revision="one")


def test_every_host_is_told_of_what_concerns_all(path: Path) -> None:
    writer, reader = Journal(path), Journal(path, "a")
    writer.tell_result("b", B, cached=False)
    writer.tell_failure(Failed("no such flake"))
    reader.read_on()
    answer = reader.answer("a")
    assert answer is not None
    assert answer.result == Failed("no such flake")
