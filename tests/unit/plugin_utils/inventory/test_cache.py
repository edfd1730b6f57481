# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Not evaluating again what has not changed."""

from __future__ import annotations

import json
import os
import pathlib
import time
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory import cache
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.cache import Cache, cached_evaluation
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.evaluation import Evaluated, Settings
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.loading import SOURCES
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.place import FlakeOutput, NixFile

NODES = [SOURCES["nodes"]]


def change(file: pathlib.Path, text: str = "") -> None:
    """Write ``file`` as if it had been some time ago, but at another time than ever before."""
    file.write_text(text, encoding="utf-8")
    then = time.time_ns() - 10**9
    os.utime(file, ns=(then, then))


class Nix:
    """Stands in for evaluations, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.evaluations = 0
        self.files: tuple[str, ...] = ()
        self.metadata: dict[str, t.Any] | None = {"fingerprint": "1"}
        self.entries: dict[str, t.Any] = {}
        monkeypatch.setattr(cache, "evaluate", self._evaluate)
        monkeypatch.setattr(cache, "run_nix", self._metadata)
        # The status time of a file cannot be set back; all files count as settled.
        monkeypatch.setattr(cache, "TICK_NANOSECONDS", -(10**12))

    def _evaluate(self, *_arguments: t.Any, **_options: t.Any) -> Evaluated:
        self.evaluations += 1
        return Evaluated("nodes", {"evaluation": self.evaluations}, self.files)

    def _metadata(self, command: list[str], *_arguments: t.Any) -> Completed:
        rc = 1 if self.metadata is None else 0
        return Completed(tuple(command), rc, json.dumps(self.metadata), "")

    def load(self, place: NixFile | FlakeOutput, readable: bool = True, settings: Settings | None = None) -> int:
        # Through JSON, since that is where caches keep their entries.
        entries = json.loads(json.dumps(self.entries))
        kept = Cache(entries, "key", readable)
        evaluated = cached_evaluation(NODES, place, settings or Settings(), kept)
        self.entries = entries
        number: int = evaluated.data["evaluation"]
        return number


@pytest.fixture
def nix(monkeypatch: pytest.MonkeyPatch) -> Nix:
    """Return a Nix that evaluates nothing."""
    return Nix(monkeypatch)


@pytest.fixture
def file(tmp_path: pathlib.Path) -> NixFile:
    """Return an inventory in a tree with a flake."""
    directory = tmp_path / "fleet" / "inventory"
    directory.mkdir(parents=True)
    change(tmp_path / "fleet" / "flake.nix")
    change(directory / "nodes.nix")
    return NixFile(directory / "nodes.nix")


def test_a_file_that_did_not_change_is_evaluated_once(nix: Nix, file: NixFile) -> None:
    assert [nix.load(file), nix.load(file)] == [1, 1]


@pytest.mark.parametrize("name", ["nodes.nix", "imported.nix", "read.json", "../flake.nix", "../modules/new.toml"])
def test_a_file_is_evaluated_again_when_anything_in_its_tree_that_it_may_read_changed(
    nix: Nix, file: NixFile, name: str
) -> None:
    nix.load(file)
    changed = file.path.parent / name
    changed.parent.mkdir(exist_ok=True)
    change(changed, "changed")
    assert nix.load(file) == 2


def test_a_file_elsewhere_counts_when_nix_evaluated_it(nix: Nix, file: NixFile, tmp_path: pathlib.Path) -> None:
    elsewhere = tmp_path / "elsewhere.nix"
    change(elsewhere)
    nix.files = (str(elsewhere),)
    nix.load(file)
    change(elsewhere, "changed")
    assert nix.load(file) == 2
    elsewhere.unlink()
    assert nix.load(file) == 3


@pytest.mark.parametrize("name", [".venv/lib.json", "notes.md", ".direnv/x.nix"])
def test_what_an_inventory_does_not_read_does_not_count(nix: Nix, file: NixFile, name: str) -> None:
    nix.load(file)
    changed = file.path.parent / name
    changed.parent.mkdir(exist_ok=True)
    change(changed)
    assert nix.load(file) == 1


def test_a_file_that_changed_while_it_was_evaluated_is_not_remembered(
    nix: Nix, file: NixFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "TICK_NANOSECONDS", 10**12)
    assert [nix.load(file), nix.load(file)] == [1, 2]


def test_a_flake_is_known_by_what_nix_locks_it_to(nix: Nix, tmp_path: pathlib.Path) -> None:
    flake = FlakeOutput(str(tmp_path))
    assert [nix.load(flake), nix.load(flake)] == [1, 1]
    nix.metadata = {"fingerprint": "2"}
    assert nix.load(flake) == 2
    nix.metadata = {"fingerprint": "2", "locks": {"nodes": {"nixpkgs": "other"}}}
    assert nix.load(flake) == 3


def test_a_flake_that_nix_cannot_lock_is_not_remembered(nix: Nix, tmp_path: pathlib.Path) -> None:
    nix.metadata = None
    flake = FlakeOutput(str(tmp_path))
    assert [nix.load(flake), nix.load(flake)] == [1, 2]
    assert nix.entries == {}


def test_a_refresh_evaluates_and_is_remembered(nix: Nix, file: NixFile) -> None:
    assert [nix.load(file), nix.load(file, readable=False), nix.load(file)] == [1, 2, 2]


@pytest.mark.parametrize("entry", [None, [], {}, {"format": 0}, {"format": 1, "fingerprint": "x"}])
def test_an_entry_that_is_not_ours_is_as_good_as_none(nix: Nix, file: NixFile, entry: t.Any) -> None:
    nix.load(file)
    nix.entries = dict.fromkeys(nix.entries, entry)
    assert nix.load(file) == 2
