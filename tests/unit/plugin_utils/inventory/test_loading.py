# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the plugin's options to a fleet."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory import loading
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.evaluation import Settings
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.place import FlakeOutput, NixFile


@pytest.fixture
def here(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return an inventory's directory with a flake above it."""
    (tmp_path / "flake.nix").touch()
    directory = tmp_path / "inventory"
    directory.mkdir()
    return directory


def sources(source: str, nodes: str | None, here: pathlib.Path) -> list[str]:
    return [each.name for each in loading.plan(source, nodes, None, here).sources]


def test_auto_reads_what_is_named_by_what_it_is(here: pathlib.Path) -> None:
    for name in ("nodes.nix", "fleet.json", "hive.nix"):
        (here / name).touch()
    assert sources("auto", "nodes.nix", here) == ["nodes"]
    assert sources("auto", "fleet.json", here) == ["nodes"]
    assert sources("auto", "hive.nix", here) == ["colmena"]
    assert sources("auto", "#fleet.nodes", here) == ["nodes"]


def test_auto_looks_beside_the_inventory_first_and_then_for_each_kind_in_the_flake(here: pathlib.Path) -> None:
    assert sources("auto", None, here) == ["nodes", "colmena", "deploy-rs", "configurations"]
    (here / "nodes.yml").touch()
    assert sources("auto", None, here) == ["nodes"]


def test_a_flakes_hive_is_never_overruled_by_a_file_beside(here: pathlib.Path) -> None:
    (here / "hive.nix").touch()
    for source in ("auto", "colmena"):
        assert loading.plan(source, None, None, here).place == FlakeOutput(str(here.parent))
        assert loading.plan(source, None, ".", here).place == FlakeOutput(str(here))


def test_a_hive_without_a_flake_is_found(tmp_path: pathlib.Path) -> None:
    (tmp_path / "hive.nix").touch()
    for source in ("auto", "colmena"):
        for flake, directory in ((None, tmp_path), ("..", tmp_path / "inventory")):
            assert loading.plan(source, None, flake, directory).place == NixFile(tmp_path / "hive.nix")


def test_configurations_are_built_of_the_nearest_flake_or_of_the_one_that_is_named(here: pathlib.Path) -> None:
    (here / "nodes.json").touch()
    assert loading.plan("auto", None, None, here).flake == str(here.parent)
    assert loading.plan("auto", None, "github:o/r", here).flake == "github:o/r"


def test_an_output_of_another_flake_brings_that_flake_along(here: pathlib.Path) -> None:
    assert loading.plan("auto", "github:o/r#nodes", None, here).flake == "github:o/r"
    assert loading.plan("auto", "github:o/r#nodes", ".", here).flake == str(here)


def test_nodes_in_json_need_no_flake(tmp_path: pathlib.Path) -> None:
    (tmp_path / "nodes.json").write_text('{"a": {"ips": ["192.0.2.1"]}}', encoding="utf-8")
    plan = loading.plan("auto", None, None, tmp_path)
    settings = Settings(executable="/no/nix")
    fleet = loading.Reading(plan, settings, loading.fetch(plan, settings, None)).fleet()
    assert fleet.hosts["a"]["nix_flake"] is None


@pytest.mark.parametrize(
    ("source", "nodes", "message"),
    [
        ("colmena", "nodes.json", "the source colmena cannot be read from JSON or YAML"),
        ("configurations", "nodes.json", "nodes has no meaning to it"),
    ],
)
def test_options_that_do_not_go_together_are_refused(here: pathlib.Path, source: str, nodes: str, message: str) -> None:
    (here / "nodes.json").touch()
    with pytest.raises(InventoryError, match=message):
        loading.plan(source, nodes, None, here)


def test_host_vars_of_a_host_that_there_is_not_are_found(tmp_path: pathlib.Path) -> None:
    for name in ("vps-sg-1.yml", "vps-sg-12", "localhost.yml", "homelab/main.yml"):
        (tmp_path / "host_vars" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "host_vars" / name).touch()
    found = loading.variables_of_none([tmp_path], "host_vars", {"vps-sg-1", "vps-sg-2"}, alone=True)
    assert {file.name: nearest for file, nearest in found} == {"vps-sg-12": "vps-sg-2", "homelab": None}
    assert loading.variables_of_none([tmp_path], "host_vars", {"vps-sg-1"}, alone=False) == []


def test_group_vars_of_a_group_without_hosts_are_found(tmp_path: pathlib.Path) -> None:
    for name in ("all.yml", "vps.yml", "role_web.yml", "role_web.yml~", ".hidden", "README.md", "db/main.yml", "plain"):
        (tmp_path / "group_vars" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "group_vars" / name).touch()
    found = loading.variables_of_none([tmp_path, tmp_path / "missing"], "group_vars", {"vps", "role_www"}, alone=True)
    assert {file.name: nearest for file, nearest in found} == {"role_web.yml": "role_www", "db": None, "plain": None}
    # Another source of hosts may make any group, but none that is named as ours are.
    assert {
        file.name for file, nearest in loading.variables_of_none([tmp_path], "group_vars", {"vps"}, alone=False)
    } == {"role_web.yml"}
