# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""mkFleet makes the standard flake outputs, one configuration a node."""

from __future__ import annotations

import typing as t

from .conftest import Nix

# Inputs that give back what they are called with, and a fleet of all platforms.
FLEET = """
  inputs = {
    nixpkgs.lib.nixosSystem = given: given;
    nixpkgs.legacyPackages.x86_64-linux = "packages";
    nix-darwin.lib.darwinSystem = given: given;
    home-manager.lib.homeManagerConfiguration = given: given;
    nix-on-droid.lib.nixOnDroidConfiguration = given: given;
  };
  lib' = { mkDefault = value: { default = value; }; };
  fleet = { inherit inputs; nodes = data; modules = node: [ node.name ]; };
"""
NODES: dict[str, dict[str, t.Any]] = {
    "server": {"ips": ["192.0.2.1"], "system": "x86_64-linux", "colour": "red"},
    "mac": {"ips": ["192.0.2.2"], "system": "aarch64-darwin"},
    "phone": {"ips": ["192.0.2.3"], "system": "x86_64-linux", "platform": "nix-on-droid"},
    "desk": {"ips": ["192.0.2.4"], "system": "x86_64-linux", "platform": "home-manager", "ssh": {"user": "alice"}},
    "router": {"ips": ["192.0.2.5"], "platform": "custom", "attr": "router", "activate": "bin/activate"},
}


def of(expression: str) -> str:
    return f"let {FLEET} in {expression}"


def test_each_platform_has_its_output_and_each_node_its_configuration(nix: Nix) -> None:
    outputs = nix.evaluate(of("builtins.mapAttrs (_: builtins.attrNames) (lib.mkFleet fleet)"), data=NODES)
    assert outputs == {
        "nixosConfigurations": ["server"],
        "darwinConfigurations": ["mac"],
        "nixOnDroidConfigurations": ["phone"],
        "homeConfigurations": ["alice@desk"],
        "fleet": ["version"],
    }


def test_modules_are_given_their_node_and_all_nodes(nix: Nix) -> None:
    given = nix.evaluate(of("(lib.mkFleet fleet).nixosConfigurations.server.specialArgs"), data=NODES)
    assert given["node"]["colour"] == "red"
    assert sorted(given["nodes"]) == sorted(NODES)


def test_the_users_own_arguments_come_beside_them(nix: Nix) -> None:
    expression = of(
        "builtins.attrNames (lib.mkFleet (fleet // { specialArgs = node: { own = node.name; }; }))"
        '.homeConfigurations."alice@desk".extraSpecialArgs'
    )
    assert nix.evaluate(expression, data=NODES) == ["node", "nodes", "own"]


def test_homes_and_phones_are_made_of_the_packages_of_their_system(nix: Nix) -> None:
    expression = of(
        'with lib.mkFleet fleet; [ homeConfigurations."alice@desk".pkgs nixOnDroidConfigurations.phone.pkgs ]'
    )
    assert nix.evaluate(expression, data=NODES) == ["packages", "packages"]


def test_a_home_without_a_system_is_named(nix: Nix) -> None:
    nodes = {"desk": {**NODES["desk"], "system": None}}
    error = nix.error(of('(lib.mkFleet fleet).homeConfigurations."alice@desk".pkgs'), data=nodes)
    assert "node desk: a home-manager configuration is made of the packages of one system" in error


def test_a_missing_input_is_named_with_the_node_that_needs_it(nix: Nix) -> None:
    error = nix.error(of("(lib.mkFleet { inputs = { }; nodes = data; }).darwinConfigurations.mac"), data=NODES)
    assert "node mac: a darwin configuration needs the flake input nix-darwin" in error


def test_a_configuration_that_two_nodes_share_is_left_to_the_user(nix: Nix) -> None:
    nodes = {name: {"ips": [ip], "configuration": "kiosk"} for name, ip in (("a", "192.0.2.1"), ("b", "192.0.2.2"))}
    error = nix.error(of("(lib.mkFleet fleet).nixosConfigurations.kiosk"), data=nodes)
    assert "configuration kiosk: shared by nodes a, b" in error


def test_a_nodes_further_profile_has_a_configuration_that_sees_the_node(nix: Nix) -> None:
    nodes = {"server": {**NODES["server"], "profiles": {"alice": {"platform": "home-manager", "user": "alice"}}}}
    home = nix.evaluate(of('(lib.mkFleet fleet).homeConfigurations."alice@server"'), data=nodes)
    assert home["modules"] == ["alice@server"]
    assert (home["extraSpecialArgs"]["node"]["user"], home["extraSpecialArgs"]["node"]["colour"]) == ("alice", "red")
