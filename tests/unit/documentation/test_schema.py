# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema that completes nodes files in editors says what the inventory says, as far as a schema can see."""

from __future__ import annotations

import json
import pathlib
import re
import typing as t

import pytest
import yaml
from jsonschema import Draft7Validator

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory import fleet, nodes, source
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.source import Node

from .collection import ROOT

SCHEMA = json.loads((ROOT / "docs/schemas/nodes.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft7Validator(SCHEMA)

CASES = sorted((ROOT / "tests/cases/nodes").glob("*.json"))

# It takes two places of the file, or what was merged of them, to see what is wrong in these.
BEYOND_A_SCHEMA = {
    "error-computed-address",
    "error-computed-name",
    "error-duplicate-node",
    "error-duplicate-roles",
    "error-no-address-target",
    "error-role-mismatch",
}

# These can be read, and then be no hosts of Ansible's.
REFUSED_AS_HOSTS = {"odd-names"}


def case(path: pathlib.Path) -> dict[str, t.Any]:
    """Return one of the rules that all readers of an inventory are held to."""
    rule: dict[str, t.Any] = json.loads(path.read_text(encoding="utf-8"))
    return rule


def is_read(file: dict[str, t.Any]) -> bool:
    """Whether the inventory plugin makes a fleet of it."""
    try:
        fleet.fleet_of(nodes.nodes_of(file, source.Origin("nodes.json", flake="/etc/fleet")))
    except InventoryError:
        return False
    return True


@pytest.mark.parametrize(
    "name",
    ["web-1", "db.example.org", "ada@workstation", "localhost", "127.0.0.1", "a,b", "-dash", "$(id)", "two words", ""],
)
@pytest.mark.parametrize("form", ["flat", "nodes", "targets"])
def test_a_name_that_can_be_no_host_is_none_in_the_schema_either(name: str, form: str) -> None:
    node = {"hostName": "web.example.org"}
    forms: dict[str, dict[str, t.Any]] = {
        "flat": {name: node},
        "nodes": {"nodes": {name: node}},
        "targets": {"roles": {"web": {"targets": {name: node}}}},
    }
    file = forms[form]
    assert VALIDATOR.is_valid(file) == is_read(file)


# What each host has besides: no field can be called the same.
VARIABLES = {*fleet.host_variables(Node("a", "nixos", "a", port=22, user="ada", become_user="deploy"))}


@pytest.mark.parametrize("place", ["node", "profile"])
def test_a_field_that_is_a_variable_of_anothers_is_refused_by_both(place: str) -> None:
    for field in sorted(fleet.RESERVED | VARIABLES | {"nix", "ansible_ssh_common_args", "names"}):
        node: dict[str, t.Any] = {"hostName": "a", "profiles": {"p": {"platform": "nixos"}}}
        (node if place == "node" else node["profiles"]["p"])[field] = "x"
        file = {"nodes": {"web": node}}
        assert VALIDATOR.is_valid(file) == is_read(file), field


READ = [path for path in CASES if "expected" in case(path) and path.stem not in REFUSED_AS_HOSTS]


@pytest.mark.parametrize("path", READ, ids=lambda path: path.stem)
def test_what_the_inventory_reads_the_schema_allows(path: pathlib.Path) -> None:
    assert not [error.message for error in VALIDATOR.iter_errors(case(path)["input"])]


@pytest.mark.parametrize("path", [path for path in CASES if "error" in case(path)], ids=lambda path: path.stem)
def test_what_the_inventory_refuses_the_schema_refuses_where_it_can_see_it(path: pathlib.Path) -> None:
    assert VALIDATOR.is_valid(case(path)["input"]) == (path.stem in BEYOND_A_SCHEMA)


def test_the_examples_for_editors_are_read_and_allowed() -> None:
    guide = (ROOT / "docs/inventory.md").read_text(encoding="utf-8").partition("## In an editor")[2]
    in_json, in_yaml = re.findall(r"^```(?:json|yaml)\n(.*?)^```$", guide, flags=re.MULTILINE | re.DOTALL)[:2]
    written, same = json.loads(in_json), yaml.safe_load(in_yaml)
    assert VALIDATOR.is_valid(written)
    assert nodes.normalise(written) == nodes.normalise(same)


def test_the_schema_knows_every_field_that_the_inventory_knows() -> None:
    definitions = SCHEMA["definitions"]
    worked_out = {"name", "address"}
    assert set(definitions["fields"]["properties"]) == (nodes.KNOWN | nodes.CUSTOM | nodes.SAID) - worked_out
    assert set(definitions["keyFields"]["properties"]) == {*nodes.KEY_FIELDS}
