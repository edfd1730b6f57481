# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which groups a fleet has."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.groups import group_name, groups_of
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.node import Node


def node(name: str, *tags: str, role: str | None = None, system: str | None = None) -> Node:
    return Node(name=name, platform="nixos", address="192.0.2.1", tags=tags, role=role, system=system)


def test_a_host_is_in_a_group_for_each_tag_and_for_its_role_platform_and_system() -> None:
    assert groups_of([node("a", "vps", "canary", role="web", system="x86_64-linux"), node("b", "vps")]) == {
        "vps": ["a", "b"],
        "canary": ["a"],
        "role_web": ["a"],
        "platform_nixos": ["a", "b"],
        "system_x86_64_linux": ["a"],
    }


@pytest.mark.parametrize(
    ("text", "name"), [("infra-lax", "infra_lax"), ("eu.de", "eu_de"), ("4g", "_4g"), ("büro", "büro")]
)
def test_a_group_is_called_as_ansible_wants_it(text: str, name: str) -> None:
    assert group_name(text) == name


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("a", "b"), node("b")], "node b: its name is also that of a group, for tag b"),
        ([node("role_web", role="web")], "node role_web: its name is also that of a group, for role web"),
        ([node("platform_nixos")], "node platform_nixos: its name is also that of a group"),
        ([node("a", "x-y"), node("b", "x_y")], "tag x-y and tag x_y would both be the group x_y"),
        ([node("a", "role_web"), node("b", role="web")], "tag role_web and role web would both be the group role_web"),
        ([node("a", "all")], "node a: tag all has the name of a group of Ansible's own"),
        ([node("a", "ungrouped")], "node a: tag ungrouped has the name of a group of Ansible's own"),
        ([node("a", "")], "node a: a tag must not be empty"),
    ],
)
def test_two_things_of_one_name_are_refused(nodes: list[Node], message: str) -> None:
    with pytest.raises(InventoryError) as raised:
        groups_of(nodes)
    assert message in raised.value.cause
