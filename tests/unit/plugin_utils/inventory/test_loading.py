# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the plugin's options to a fleet: where its data are, read as strictly as Nix reads its own, attribute paths, and arguments of ssh."""

from __future__ import annotations

import pathlib
import shlex
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory import loading
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.evaluation import Settings
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.place import (
    DataFile,
    FlakeOutput,
    NixFile,
    absolute_reference,
    find_flake,
    found_place,
    named_place,
    read_data_file,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.source import (
    Check,
    attribute_path,
    built_attribute,
    ssh_variables,
    steps_of,
)

from ...errors import fails_with


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
    with fails_with("inventory.bad_option"):
        absolute_reference(".#nodes", t.cast("pathlib.Path", None))


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
    with fails_with("inventory.no_file") as raised:
        named_place("nodes.nix", None, tmp_path)
    assert raised.value.cause.startswith(f"{tmp_path}/nodes.nix: ")


def test_without_a_named_place_a_file_beside_the_inventory_goes_before_the_flake(tmp_path: pathlib.Path) -> None:
    assert found_place(("nodes.nix",), "/flake", tmp_path) == FlakeOutput("/flake")
    (tmp_path / "nodes.nix").touch()
    assert found_place(("nodes.nix",), "/flake", tmp_path) == NixFile(tmp_path / "nodes.nix")


def test_without_file_and_flake_the_message_says_what_was_looked_for(tmp_path: pathlib.Path) -> None:
    with fails_with("inventory.no_flake") as raised:
        found_place(("nodes.nix", "hive.nix"), None, tmp_path)
    assert "nodes.nix, hive.nix" in raised.value.cause


def read(directory: pathlib.Path, name: str, text: str) -> t.Any:
    file = directory / name
    file.write_text(text, encoding="utf-8")
    return read_data_file(DataFile(file))


def test_json_and_yaml_say_the_same(tmp_path: pathlib.Path) -> None:
    expected = {"a": {"ips": ["192.0.2.1"], "big": 9223372036854775807, "none": None, "name": "Grüß 世界", "half": 0.5}}
    text = '{"a": {"ips": ["192.0.2.1"], "big": 9223372036854775807, "none": null, "name": "Grüß 世界", "half": 0.5}}'
    assert read(tmp_path, "n.json", text) == expected
    assert read(tmp_path, "n.yml", text) == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("n.json", '{"a": }', "n.json:1:7: it is not JSON"),
        ("n.json", '{"a": {}, "a": {}}', 'n.json: "a" is defined more than once'),
        ("n.json", '{"a": NaN}', "at a: nan is not a number"),
        ("n.yml", "a: [", "it is not YAML"),
        ("n.yml", "a: {}\nb: {}\na: {}\n", 'n.yml: "a" is defined more than once, again in line 3'),
        ("n.yml", "a: {x: !vault y}", "it is not YAML: could not determine a constructor"),
        ("n.yml", "a: {1: x}", "at a: 1 is used as a name; write it in quotes"),
        ("n.yml", "a: {x: [.inf]}", "at a.x[0]: inf is not a number"),
        ("n.yml", "a: {x: !!binary aGk=}", "at a.x: a bytes is not plain data"),
        ("n.yml", 'a: {x: "\\ud83d\\udc4b"}', "at a.x: '\\ud83d\\udc4b' is not text: it has half of a character"),
        ("n.json", '{"a": "\\ud83d"}', "at a: '\\ud83d' is not text"),
        ("n.yml", "? [a]\n: b", "it is not YAML"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(tmp_path: pathlib.Path, name: str, text: str, message: str) -> None:
    with pytest.raises(InventoryError) as raised:
        read(tmp_path, name, text)
    assert raised.value.cause.startswith(str(tmp_path / name))
    assert message in raised.value.cause


def test_a_file_that_is_not_text_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "n.json").write_bytes(b'{"a": "\xff"}')
    with fails_with("inventory.syntax"):
        read_data_file(DataFile(tmp_path / "n.json"))


NODE = Check("node a")


@pytest.mark.parametrize("name", ["$(touch x)", "it's", "-dash", "a b", "ü", "1st"])
def test_a_name_of_other_characters_is_quoted_and_read_back_as_it_was(name: str) -> None:
    assert steps_of(attribute_path(("output", name, "end"))) == ("output", name, "end")


@pytest.mark.parametrize("name", ['q"q', "back\\slash", "${x}", "new\nline", "\x1b[31m", ""])
def test_a_name_that_nix_could_misread_is_refused_with_the_node_that_has_it(name: str) -> None:
    with pytest.raises(InventoryError, match=r"^inventory: node a: .* cannot be named in an attribute path"):
        built_attribute("nixos", name, NODE)


@pytest.mark.parametrize("path", ["", ".a", "a.", "a..b", '"a', 'a"b"', "a.${b}"])
def test_what_is_not_an_attribute_path_is_refused(path: str) -> None:
    with pytest.raises(InventoryError):
        steps_of(path)


def test_arguments_come_out_of_ansibles_word_splitting_as_they_were() -> None:
    arguments = ["-o", "ProxyCommand=nc '%h' %p", "-o", "X=$(touch x)", "-o", 'Y="\\']
    assert shlex.split(ssh_variables(arguments)["ansible_ssh_common_args"]) == arguments
