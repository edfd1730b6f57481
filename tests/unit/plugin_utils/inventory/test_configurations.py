# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts the standard outputs of a flake are."""

from __future__ import annotations

from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.configurations import nodes_of
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.source import Node, Origin


def hosts(**outputs: list[str]) -> dict[str, Node]:
    return {node.name: node for node in nodes_of(outputs, Origin("flake", "/flake"))}


def test_each_configuration_is_a_host_of_its_name_and_platform() -> None:
    fleet = hosts(
        nixosConfigurations=["vps", "a.example"], darwinConfigurations=["mac"], nixOnDroidConfigurations=["phone"]
    )
    assert {name: (host.address, host.platform) for name, host in fleet.items()} == {
        "vps": ("vps", "nixos"),
        "a.example": ("a.example", "nixos"),
        "mac": ("mac", "darwin"),
        "phone": ("phone", "nix-on-droid"),
    }
    assert fleet["a.example"].attr == 'nixosConfigurations."a.example".config.system.build.toplevel'


def test_a_home_is_on_the_machine_and_of_the_user_that_its_name_says() -> None:
    host = hosts(homeConfigurations=["alice@desk"])["alice@desk"]
    assert (host.address, host.user, host.become_user) == ("desk", "alice", None)
    assert host.attr == 'homeConfigurations."alice@desk".activationPackage'
