# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an inventory's data are."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.place import (
    DataFile,
    FlakeOutput,
    NixFile,
    absolute_reference,
    find_flake,
    found_place,
    named_place,
)

if t.TYPE_CHECKING:
    import pathlib


def test_the_flake_is_the_nearest_one_upwards(tmp_path: pathlib.Path) -> None:
    (tmp_path / "flake.nix").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert find_flake(None, tmp_path / "a" / "b") == str(tmp_path)
    (tmp_path / "a" / "flake.nix").touch()
    assert find_flake(None, tmp_path / "a" / "b") == str(tmp_path / "a")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (".", "{here}"),
        ("..", "{above}"),
        ("../other", "{above}/other"),
        ("sub", "{here}/sub"),
        ("/abs/./x", "/abs/x"),
        ("path:../x", "path:{above}/x"),
        ("path:/x", "path:/x"),
        ("git+file:./x", "git+file:{here}/x"),
        ("github:o/r", "github:o/r"),
        ("git+ssh://git@git.example/r?ref=main", "git+ssh://git@git.example/r?ref=main"),
        ("nixpkgs", "nixpkgs"),
    ],
)
def test_a_flake_reference_means_the_same_wherever_it_is_used(
    tmp_path: pathlib.Path, given: str, expected: str
) -> None:
    here = tmp_path / "inventory"
    (here / "sub").mkdir(parents=True)
    assert absolute_reference(given, here) == expected.format(here=here, above=tmp_path)


def test_an_output_where_a_flake_belongs_is_refused() -> None:
    with pytest.raises(InventoryError, match="names an output where only a flake belongs"):
        absolute_reference(".#nodes", t.cast("pathlib.Path", None))


@pytest.mark.parametrize(
    ("name", "kind"), [("n.nix", NixFile), ("n.json", DataFile), ("n.yml", DataFile), ("n.yaml", DataFile)]
)
def test_a_file_is_read_by_what_its_name_ends_in(tmp_path: pathlib.Path, name: str, kind: type) -> None:
    (tmp_path / name).touch()
    assert named_place(name, None, tmp_path) == kind(tmp_path / name)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ("#fleet.nodes", FlakeOutput("/flake", ("fleet", "nodes"))),
        ('github:o/r#"a.b".c', FlakeOutput("github:o/r", ("a.b", "c"))),
    ],
)
def test_an_output_is_one_of_the_named_flake_or_else_of_the_fleets(
    tmp_path: pathlib.Path, nodes: str, expected: FlakeOutput
) -> None:
    assert named_place(nodes, "/flake", tmp_path) == expected


def test_a_missing_file_is_told_by_its_whole_path(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InventoryError, match=rf"^inventory: {tmp_path}/nodes.nix: there is no such file"):
        named_place("nodes.nix", None, tmp_path)


def test_without_a_named_place_a_file_beside_the_inventory_goes_before_the_flake(tmp_path: pathlib.Path) -> None:
    assert found_place(("nodes.nix",), "/flake", tmp_path) == FlakeOutput("/flake")
    (tmp_path / "nodes.nix").touch()
    assert found_place(("nodes.nix",), "/flake", tmp_path) == NixFile(tmp_path / "nodes.nix")


def test_without_file_and_flake_the_message_says_what_was_looked_for(tmp_path: pathlib.Path) -> None:
    with pytest.raises(InventoryError, match=r"no flake.nix here or above and none of nodes.nix, hive.nix in it"):
        found_place(("nodes.nix", "hive.nix"), None, tmp_path)
