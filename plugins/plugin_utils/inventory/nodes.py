# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of nix.fleet's own: nodes, or roles that fan out to nodes, in Nix, JSON or YAML."""

from __future__ import annotations

import dataclasses
import typing as t

from .attribute import built_attribute
from .fields import Check, shown
from .keys import named_keys
from .node import Node, become_user_of
from .normalise import normalise
from .source import Origin, Source

# What nix.fleet takes out of a node; all else is the user's.
KNOWN = frozenset(
    "name address role platform system configuration hostName ips primaryIp ssh tags profiles keys".split()
)
# What else follows from a node, unless it says it itself, by the name of the variable. A fleet that was written down for
# another tool may build another attribute, set another profile, or become another user than would follow here.
SAID = frozenset(("nix_attr", "nix_profile", "ansible_become_user"))
# A node or profile of the custom platform says these, too. On other platforms they are fields like any other.
CUSTOM = frozenset(("attr", "activate", "profile"))


def nodes_of(data: t.Any, origin: Origin) -> tuple[Node, ...]:
    """Return the hosts of an inventory: each node, and each further profile of it as a host of its own."""
    hosts: list[Node] = []
    for given in normalise(data).values():
        node = _node(given, origin)
        hosts += [node, *(_profile(node, profile) for profile in given["profiles"].values())]
    return tuple(hosts)


def _node(given: dict[str, t.Any], origin: Origin) -> Node:
    platform = given["platform"]
    custom = platform == "custom"
    known = KNOWN | SAID | CUSTOM if custom else KNOWN | SAID
    check = Check(f"node {shown(given['name'])}")
    said = {variable: check.text(variable, given.get(variable)) for variable in SAID}
    attr = given["attr"] if custom else built_attribute(platform, given["configuration"], check)
    return Node(
        name=given["name"],
        platform=platform,
        address=given["address"],
        port=given["ssh"]["port"],
        user=given["ssh"]["user"],
        become_user=said["ansible_become_user"] or become_user_of(platform, given["ssh"]["user"]),
        system=given["system"],
        role=given["role"],
        tags=tuple(given["tags"]),
        ips=tuple(given["ips"]),
        # What is built by the name of its attribute has no configuration, as with a profile.
        configuration=None if custom else given["configuration"],
        flake=origin.flake,
        attr=said["nix_attr"] or attr,
        profile=said["nix_profile"] or (given.get("profile") if custom else None),
        activate=given["activate"] if custom else None,
        keys=named_keys(check, given.get("keys")),
        fields={field: value for field, value in given.items() if field not in known},
        data=given,
    )


def _profile(node: Node, given: dict[str, t.Any]) -> Node:
    platform, user = given["platform"], given["user"]
    own_user = user is not None and user != node.user
    fields = {field: value for field, value in given.items() if field not in KNOWN | CUSTOM | {"user"}}
    check = Check(f"node {shown(node.name)}, profile {shown(given['name'])}")
    return dataclasses.replace(
        node,
        name=f"{given['name']}@{node.name}",
        platform=platform,
        become_user=user if own_user else become_user_of(platform, node.user),
        configuration=given["configuration"],
        attr=given["attr"] or built_attribute(platform, given["configuration"], check),
        profile=given["profile"],
        activate=given["activate"] if platform == "custom" else None,
        keys=named_keys(check, given.get("keys")),
        # The machine's own facts hold for everything on it.
        fields={**node.fields, **fields},
        data=given,
    )


SOURCE = Source(
    name="nodes",
    looks_for="output fleet.nodes",
    expression="""
      { outputs, value }:
        if value != null then plain "" value
        else if outputs ? fleet.nodes then plain "" outputs.fleet.nodes
        else null
    """,
    nodes=nodes_of,
    files=("nodes.nix", "nodes.json", "nodes.yml", "nodes.yaml"),
)
