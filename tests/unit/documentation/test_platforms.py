# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wherever the platforms are written out they are the same, and the node of each guide is built as the guide says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.inventory import nodes, source
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from .collection import ROOT, argument_spec

NAMES = {platform.name for platform in platforms().values()}


def test_the_platforms_are_the_same_wherever_they_are_listed() -> None:
    listed = {"_platform.py": argument_spec("nix_gc")["platform"]["choices"]}
    nix = (ROOT / "inventory" / "lib" / "check.nix").read_text()
    listed["check.nix"] = re.findall('"(.+?)"', nix.partition("platforms = [")[2].partition("]")[0])
    schema = json.loads((ROOT / "docs/schemas/nodes.schema.json").read_text(encoding="utf-8"))["definitions"]
    for fields in ("fields", "profileFields"):
        listed[f"nodes.schema.json, {fields}"] = [*filter(None, schema[fields]["properties"]["platform"]["enum"])]
    page = (ROOT / "docs/inventory.md").read_text(encoding="utf-8")
    for field in ("platform", "nix_platform"):
        (meaning,) = re.findall(rf"^\| `{field}` \|([^|]*)\|", page, re.MULTILINE)
        listed[f"inventory.md, {field}"] = re.findall("`(.+?)`", meaning)
    # Other names of a platform may be taken as well, wherever they are turned into its own.
    different = {where: (NAMES - {*names}) | ({*names} - {*platforms()}) for where, names in listed.items()}
    assert not any(different.values()), "\n".join(f"{where}: {sorted(names)}" for where, names in different.items())


def test_every_other_name_of_a_platform_is_known_to_the_inventory() -> None:
    nix = (ROOT / "inventory" / "lib" / "check.nix").read_text()
    taken = dict(re.findall(r'given == "(.+?)" then\s+"(.+?)"', nix))
    assert taken == {name: platform.name for name, platform in platforms().items() if name != platform.name}


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
