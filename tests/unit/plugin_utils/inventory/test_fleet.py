# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet is checked whole."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.fleet import fleet_of
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.node import Node


def node(name: str) -> Node:
    return Node(name=name, platform="nixos", address="192.0.2.1")


@pytest.mark.parametrize("name", ["vps-sg-1", "a.b.example", "alice@workstation", "_x", "10", "a+b", "192.0.2.1"])
def test_names_that_ansible_takes_as_they_are_are_hosts(name: str) -> None:
    assert list(fleet_of([node(name)]).hosts) == [name]


@pytest.mark.parametrize(
    "name",
    [
        "-dash",
        "a[1:3]",
        "a:b",
        "a,b",
        "!a",
        "&a",
        "~a",
        "@a",
        "a b",
        "$(touch x)",
        "it's",
        'q"q',
        "a\nb",
        "",
        "ü",
        "a/b",
    ],
)
def test_names_that_ansible_or_a_shell_could_misread_are_refused(name: str) -> None:
    with pytest.raises(InventoryError, match="its name cannot be a host's name in Ansible"):
        fleet_of([node(name)])


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_node_cannot_take_the_controllers_place(name: str) -> None:
    with pytest.raises(InventoryError, match="its name means the controller to Ansible"):
        fleet_of([node(name)])


def test_a_name_that_two_nodes_have_is_refused() -> None:
    with pytest.raises(InventoryError, match=r"^inventory: node a: is defined more than once"):
        fleet_of([node("a"), node("b"), node("a")])
