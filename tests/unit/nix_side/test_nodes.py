# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory means to the Nix library what tests/cases/nodes says that it means."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from .conftest import ROOT, Nix

CASES = sorted((ROOT / "tests" / "cases" / "nodes").glob("*.json"))


def _case(path: Path) -> dict[str, t.Any]:
    case: dict[str, t.Any] = json.loads(path.read_text())
    return case


ACCEPTED = [path for path in CASES if "expected" in _case(path)]
REFUSED = [path for path in CASES if "error" in _case(path)]


@pytest.fixture(scope="module")
def read(nix: Nix) -> dict[str, t.Any]:
    """What the library makes of every inventory that it should accept, by the case's name, in one evaluation."""
    inputs = {path.stem: _case(path)["input"] for path in ACCEPTED}
    result: dict[str, t.Any] = nix.evaluate("builtins.mapAttrs (_: lib.normalise) inputs", inputs=inputs)
    return result


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: _case(path)["name"])
def test_an_inventory_is_read(read: dict[str, t.Any], path: Path) -> None:
    assert read[path.stem] == _case(path)["expected"]


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: _case(path)["name"])
def test_a_mistake_is_named(nix: Nix, path: Path) -> None:
    assert _case(path)["error"] in nix.error("lib.normalise input", input=_case(path)["input"])


def test_nodes_come_from_a_nix_file_a_json_file_or_the_data_itself(nix: Nix, tmp_path: Path) -> None:
    (tmp_path / "nodes.nix").write_text('{ a.ips = [ "192.0.2.1" ]; }')
    (tmp_path / "nodes.json").write_text('{"a": {"ips": ["192.0.2.1"]}}')
    found = nix.evaluate(
        'map (source: (lib.readNodes source).a.address) [ files.nix files.json { a.ips = [ "192.0.2.1" ]; } ]',
        files={"nix": str(tmp_path / "nodes.nix"), "json": str(tmp_path / "nodes.json")},
    )
    assert found == ["192.0.2.1"] * 3


def test_a_yaml_file_is_refused_since_nix_cannot_read_it(nix: Nix) -> None:
    assert "/nodes.yml: Nix reads no YAML" in nix.error('lib.readNodes "/nodes.yml"')
