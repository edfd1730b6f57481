# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guide to a platform has its reader write is a node of that platform, and is built as the guide says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.inventory import nodes, source

from .collection import ROOT

NODES = {
    "nixos": {"web-1": "nixosConfigurations.web-1.config.system.build.toplevel"},
    "darwin": {"macbook": "darwinConfigurations.macbook.system"},
    "nix-on-droid": {"phone": "nixOnDroidConfigurations.phone.activationPackage"},
    "home-manager": {
        "workstation": 'homeConfigurations."alice@workstation".activationPackage',
        "web-1": "nixosConfigurations.web-1.config.system.build.toplevel",
        "alice@web-1": 'homeConfigurations."alice@web-1".activationPackage',
    },
}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nix") is None, reason="needs Nix")
@pytest.mark.parametrize("platform", NODES)
def test_the_nodes_of_a_guide_are_built_as_it_says(platform: str) -> None:
    page = (ROOT / f"docs/{platform}.md").read_text(encoding="utf-8")
    found: dict[str, str | None] = {}
    for written in re.findall(r"^```nix\n# inventory/nodes.nix\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL):
        command = ["nix", "--extra-experimental-features", "nix-command", "eval", "--json", "--expr", written]
        data = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        found |= {node.name: node.attr for node in nodes.nodes_of(data, source.Origin("nodes.nix", flake="/etc/fleet"))}
    assert found == NODES[platform]
