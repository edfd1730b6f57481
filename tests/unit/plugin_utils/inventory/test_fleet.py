# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole inventory: its groups, and the variables of each host, which docs/inventory.md states."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible import constants

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.fleet import (
    RESERVED,
    fleet_of,
    groups_of,
    host_variables,
    with_group,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.source import Node

from ...errors import fails_with


def node(name: str = "a", **fields: t.Any) -> Node:
    return Node(**{"name": name, "platform": "nixos", "address": "192.0.2.1", **fields})


@pytest.mark.parametrize("name", ["vps-sg-1", "a.b.example", "alice@workstation", "_x", "10", "a+b", "192.0.2.1"])
def test_names_that_ansible_takes_as_they_are_are_hosts(name: str) -> None:
    assert list(fleet_of([node(name)]).hosts) == [name]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_node_cannot_take_the_controllers_place(name: str) -> None:
    with pytest.raises(InventoryError, match="its name means the controller to Ansible"):
        fleet_of([node(name)])


def test_a_name_that_two_nodes_have_is_refused() -> None:
    with pytest.raises(InventoryError, match=r"^inventory: node a: is defined more than once"):
        fleet_of([node("a"), node("b"), node("a")])


def tagged(name: str, *tags: str, role: str | None = None, system: str | None = None) -> Node:
    return Node(name=name, platform="nixos", address="192.0.2.1", tags=tags, role=role, system=system)


def test_a_host_is_in_a_group_for_each_tag_and_for_its_role_platform_and_system() -> None:
    assert groups_of([tagged("a", "vps", "canary", role="web", system="x86_64-linux"), tagged("b", "vps")]) == {
        "vps": ["a", "b"],
        "canary": ["a"],
        "role_web": ["a"],
        "platform_nixos": ["a", "b"],
        "system_x86_64_linux": ["a"],
    }


def test_a_tag_that_is_a_nodes_name_makes_no_group_and_all_of_them_one_note() -> None:
    fleet = fleet_of([tagged("a", "a", "b", "web"), tagged("b", "b")])
    assert "web" in fleet.groups
    assert not {"a", "b"} & fleet.groups.keys()
    (note,) = fleet.notes
    assert note.endswith(": a, b")


def test_what_a_fleet_asks_for_in_vain_is_one_note_and_what_does_not_evaluate_another() -> None:
    nodes = [dataclasses.replace(tagged(name), ignored=("tempPath", "sudo")) for name in "abcdefg"]
    broken, ignored = fleet_of([*nodes, dataclasses.replace(tagged("h"), broken=True)]).notes
    assert broken.endswith(": h")
    assert ignored.endswith(": tempPath (a, b, c, d, e and 2 more); sudo (a, b, c, d, e and 2 more)")


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([tagged("role_web", role="web")], "node role_web: its name is also that of a group, for role web"),
        ([tagged("platform_nixos")], "node platform_nixos: its name is also that of a group"),
        ([tagged("a", "x-y"), tagged("b", "x_y")], "tag x-y and tag x_y would both be the group x_y"),
        (
            [tagged("a", "role_web"), tagged("b", role="web")],
            "tag role_web and role web would both be the group role_web",
        ),
        ([tagged("a", "all")], "node a: tag all has the name of a group of Ansible's own"),
        ([tagged("a", "ungrouped")], "node a: tag ungrouped has the name of a group of Ansible's own"),
        ([tagged("a", "")], "node a: a tag must not be empty"),
    ],
)
def test_two_things_of_one_name_are_refused(nodes: list[Node], message: str) -> None:
    with pytest.raises(InventoryError) as raised:
        groups_of(nodes)
    assert message in raised.value.cause


def test_a_host_has_every_variable_of_the_contract_also_those_that_are_not_known() -> None:
    assert host_variables(node()) == {
        "ansible_host": "192.0.2.1",
        "nix_name": "a",
        "nix_platform": "nixos",
        "nix_system": None,
        "nix_role": None,
        "nix_tags": [],
        "nix_ips": [],
        "nix_configuration": None,
        "nix_flake": None,
        "nix_attr": None,
        "nix_profile": None,
        "nix_activate": None,
        "nix_keys": [],
        "nix_impure": False,
        "nix_node": {},
    }


def test_another_user_than_root_is_become_by_name() -> None:
    variables = host_variables(node(user="root", become_user="alice"))
    assert (variables["ansible_become"], variables["ansible_become_user"]) == (True, "alice")


def test_fields_of_the_user_are_variables_of_the_same_name_and_value() -> None:
    fields = {"region": "sg", "nested": {"list": [1, [2, {"deep": None}]]}, "big": 2**63 - 1, "none": None}
    variables = host_variables(node(fields=fields))
    assert {name: variables[name] for name in fields} == fields


@pytest.mark.parametrize("name", ["dotted.key", "with-dash", "1st", "größe", "class", "async", ""])
def test_a_field_whose_name_is_no_variable_is_found_in_nix_node_alone(name: str) -> None:
    variables = host_variables(node(fields={name: 1}, data={name: 1}))
    assert name not in variables
    assert variables["nix_node"] == {name: 1}


@pytest.mark.parametrize("name", ["hostvars", "groups", "group_names", "inventory_hostname", "vars", "omit"])
def test_a_field_that_would_hide_what_ansible_sets_is_refused(name: str) -> None:
    with pytest.raises(InventoryError, match=rf"^inventory: node a: {name} is a variable that Ansible sets itself"):
        host_variables(node(fields={name: 1}))


@pytest.mark.parametrize("name", ["nix_attr", "nix_node", "ansible_host", "ansible_port", "ansible_become"])
def test_a_field_that_would_change_the_contract_is_refused(name: str) -> None:
    with pytest.raises(InventoryError, match=rf"^inventory: node a: {name} is a variable that nix.fleet sets"):
        host_variables(node(fields={name: 1}))


@pytest.mark.skipif(not hasattr(constants, "INTERNAL_STATIC_VARS"), reason="this ansible-core does not list them")
def test_every_name_that_this_ansible_sets_itself_is_known() -> None:
    assert set(constants.INTERNAL_STATIC_VARS) <= RESERVED


def test_all_hosts_are_in_a_group_of_their_own() -> None:
    fleet = fleet_of([node("a"), node("b", tags=("vps",))])
    assert with_group(fleet, "nix").groups == {**fleet.groups, "nix": ["a", "b"]}
    assert with_group(fleet, "") == fleet


@pytest.mark.parametrize("name", ["vps", "a", "all", "two-words"])
def test_that_group_has_a_name_that_nothing_else_has(name: str) -> None:
    with fails_with("inventory.bad_option"):
        with_group(fleet_of([node(tags=("vps",))]), name)
