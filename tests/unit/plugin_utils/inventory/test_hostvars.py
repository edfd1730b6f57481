# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a host: the contract that docs/inventory.md states."""

from __future__ import annotations

import typing as t

import pytest
from ansible import constants

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.hostvars import RESERVED, host_variables
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.node import Node


def node(**fields: t.Any) -> Node:
    return Node(**{"name": "a", "platform": "nixos", "address": "192.0.2.1", **fields})


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


def test_port_user_and_escalation_are_said_only_when_they_are_known() -> None:
    variables = host_variables(node(port=2222, user="deploy", become_user="root"))
    assert variables["ansible_port"] == 2222
    assert variables["ansible_user"] == "deploy"
    assert variables["ansible_become"] is True
    assert "ansible_become_user" not in variables


def test_another_user_than_root_is_become_by_name() -> None:
    variables = host_variables(node(user="root", become_user="alice"))
    assert (variables["ansible_become"], variables["ansible_become_user"]) == (True, "alice")


def test_only_nix_on_droid_is_evaluated_impurely() -> None:
    assert host_variables(node(platform="nix-on-droid"))["nix_impure"] is True


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
