# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example fleet is whole: seven machines of four platforms, each with a configuration for its own system."""

from __future__ import annotations

import shutil
import subprocess
import typing as t

import pytest

from .conftest import ROOT, Nix

BUILT = {
    "homelab": ("nixosConfigurations.homelab.config.system.build.toplevel", "x86_64-linux"),
    "vps-sg-1": ("nixosConfigurations.vps-sg-1.config.system.build.toplevel", "x86_64-linux"),
    "vps-sg-2": ("nixosConfigurations.vps-sg-2.config.system.build.toplevel", "x86_64-linux"),
    "vps-de-1": ("nixosConfigurations.vps-de-1.config.system.build.toplevel", "x86_64-linux"),
    "workstation": ('homeConfigurations."alice@workstation".activationPackage', "x86_64-linux"),
    "macbook": ("darwinConfigurations.macbook.system", "aarch64-darwin"),
    "phone": ("nixOnDroidConfigurations.phone.activationPackage", "aarch64-linux"),
}


@pytest.fixture(scope="module", autouse=True)
def _needs_git() -> None:
    """Skip where there is no repository: Nix takes from a flake's directory what git knows."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("the project's flake is read from its git repository, and this is none")
    tracked = subprocess.run(["git", "ls-files", "flake.nix"], cwd=ROOT, capture_output=True, text=True, check=False)
    if not tracked.stdout:
        pytest.skip("git does not know flake.nix here")


@pytest.fixture(scope="module")
def nodes(nix: Nix) -> dict[str, t.Any]:
    found: dict[str, t.Any] = nix.evaluate(f"lib.readNodes {ROOT}/inventory/nodes.nix")
    return found


@pytest.mark.parametrize("host", BUILT)
def test_every_machine_has_a_configuration_for_its_own_system(nix: Nix, host: str) -> None:
    attribute, system = BUILT[host]
    assert nix.flake(f"{attribute}.system") == system


def test_an_edit_of_one_node_leaves_the_other_machines_as_they_are(nix: Nix) -> None:
    expression = f"""
      let
        nixpkgs = builtins.getFlake "path:{ROOT}/tests/lab/standins/nixpkgs";
        drv = nodes: (lib.mkFleet {{
          inherit nodes;
          inputs = {{ inherit nixpkgs; }};
          modules = node: [ {ROOT}/nix/platforms/nixos.nix {ROOT}/nix/roles/builder.nix ];
        }}).nixosConfigurations.homelab.config.system.build.toplevel.drvPath;
        nodes = import {ROOT}/inventory/nodes.nix;
        more = nodes // {{ nodes = nodes.nodes // {{ new.ips = [ "192.0.2.9" ]; }}; }};
      in drv nodes == drv more
    """
    assert nix.evaluate(expression) is True


def test_colmena_and_deploy_rs_can_read_it(nix: Nix) -> None:
    hive = nix.flake("colmenaHive.deploymentConfig")
    assert (hive["vps-de-1"]["targetUser"], hive["vps-de-1"]["tags"]) == ("deploy", ["vps"])
    hosts = nix.flake("deploy.nodes", "--apply", "builtins.mapAttrs (_: node: node.hostname)")
    assert hosts["phone"] == "192.0.2.50"
