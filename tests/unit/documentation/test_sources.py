# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wherever the sources of an inventory are written out, they are those that there are."""

from __future__ import annotations

import re
import typing as t

import pytest
import yaml

from ansible_collections.nix.fleet.plugins.inventory.nix_inventory import DOCUMENTATION
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.fleet import host_variables
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.loading import AUTO, SOURCES
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.source import Node, Origin

from .collection import ROOT


def test_every_source_can_be_chosen() -> None:
    assert yaml.safe_load(DOCUMENTATION)["options"]["source"]["choices"] == [AUTO, *SOURCES]


def test_every_source_is_on_the_page_of_the_inventory() -> None:
    page = (ROOT / "docs/inventory.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| source \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE) == [*SOURCES]


def rows(section: str) -> dict[str, str]:
    """Return what the page's table for another tool says of each of its options."""
    page = (ROOT / "docs/inventory.md").read_text(encoding="utf-8")
    part = page.partition(f"\n### {section}\n")[2].partition("\n#")[0]
    found = re.findall(r"^\| (`[^|]+[^.|]`[^|]*) \| (.+) \|$", part, re.MULTILINE)
    return {option: said for options, said in found for option in re.findall(r"`([\w.]+)", options)}


def colmena(option: str, value: t.Any) -> Node:
    """Return what a hive with one option is."""
    keys = {"x": {"text": True, option.partition(".")[2]: value}} if option.startswith("keys.") else {}
    meta = {"allowApplyAll": True, "machinesFile": None}
    given = {"targetHost": "a", "targetUser": "me", "keys": keys}
    if option.startswith("meta."):
        meta[option.removeprefix("meta.")] = value
    elif not keys:
        given[option] = value
    (node,) = SOURCES["colmena"].nodes({"raw": False, "meta": meta, "nodes": {"n": given}}, Origin("flake", "/flake"))
    return node


def deploy_rs(option: str, value: t.Any) -> Node:
    """Return the second profile of a node with one setting."""
    settings = {"hostname": "a", "sshUser": "me", "user": "root", option: value}
    nodes = {"n": {"settings": settings, "profiles": {"system": {}, "p": {}}}}
    data = {"settings": {}, "nodes": nodes, "configurations": {}}
    return next(
        node for node in SOURCES["deploy-rs"].nodes(data, Origin("flake", "/flake")) if node.name.startswith("p@")
    )


# All that the tools have at the versions that their pages name, but for names and what is built: a value that is not
# the usual one, and which variables are others by it. None where nothing is done.
COLMENA: dict[str, tuple[t.Any, set[str] | None]] = {
    "targetHost": ("b", {"ansible_host"}),
    "targetPort": (1, {"ansible_port"}),
    "targetUser": ("root", {"ansible_user", "ansible_become"}),
    "privilegeEscalationCommand": (
        ["/x/doas", "-n", "-x"],
        {f"ansible_become_{of}" for of in ("method", "exe", "flags")},
    ),
    "tags": (["t"], {"nix_tags"}),
    "buildOnTarget": (True, {"deploy_build_on"}),
    "sshOptions": (["-p", "2", "-4"], {"ansible_ssh_common_args", "ansible_port"}),
    "keys": ({"x": {"text": True}}, {"nix_keys"}),
    "allowLocalDeployment": (True, None),
    "replaceUnknownProfiles": (False, None),
    "meta.machinesFile": ("/x", None),
    "meta.allowApplyAll": (False, {"deploy_require_limit"}),
}
DEPLOY_RS: dict[str, tuple[t.Any, set[str] | None]] = {
    "hostname": ("b", {"ansible_host"}),
    "sshUser": ("you", {"ansible_user"}),
    "user": ("you", {"ansible_become_user", "nix_profile"}),
    "sshOpts": (["-p", "2", "-4"], {"ansible_ssh_common_args", "ansible_port"}),
    "remoteBuild": (True, {"deploy_build_on"}),
    "fastConnection": (False, {"deploy_substitute_on_destination"}),
    "autoRollback": (False, {"deploy_rollback_on_failure"}),
    "magicRollback": (False, {"deploy_confirm"}),
    "confirmTimeout": (1, {"deploy_confirm_timeout"}),
    "activationTimeout": (1, {"deploy_activation_timeout"}),
    "sudo": ("/x/doas -n -x", {f"ansible_become_{of}" for of in ("method", "exe", "flags")}),
    "profilesOrder": (["system", "p"], {"nix_after"}),
    "interactiveSudo": (True, None),
    "tempPath": ("/x", None),
    "profilePath": ("/x", {"nix_profile"}),
}
TOOLS = {"colmena": (colmena, COLMENA), "deploy-rs": (deploy_rs, DEPLOY_RS)}


@pytest.mark.parametrize("tool", TOOLS)
def test_each_option_of_another_tool_is_in_its_table(tool: str) -> None:
    assert {*rows(tool)} - {"keys.NAME"} == {*TOOLS[tool][1]} - {"keys"}


@pytest.mark.parametrize(
    ("tool", "option"), [(tool, option) for tool, (_read, options) in TOOLS.items() for option in options]
)
def test_an_option_of_another_tool_becomes_what_its_table_says(tool: str, option: str) -> None:
    read, options = TOOLS[tool]
    value, expected = options[option]
    node, usual = read(option, value), read("unknown", None)
    before, after = ({n: v for n, v in host_variables(each).items() if n != "nix_node"} for each in (usual, node))
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    said = rows(tool)["keys.NAME" if option == "keys" else option]
    assert changed == (expected or set())
    assert (expected is None) == bool(node.ignored) == said.startswith("ignored")
    told = (
        " ".join(re.findall(r"`([^`]+)`", said))
        .replace("_exe", "ansible_become_exe")
        .replace("_flags", "ansible_become_flags")
    )
    assert {name for name in changed if not name.startswith("nix_")} <= {*re.findall(r"[a-z]+(?:_[a-z]+)+", told)}
