# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of any source, as the data that a ``nodes.nix`` has.

Only what is said: what follows from a node by the rules of ``normalise`` is left out, so that a reader sees what differs.
"""

from __future__ import annotations

import typing as t

from .nodes import nodes_of
from .source import Origin

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .node import Node


def nodes_data(nodes: Iterable[Node]) -> dict[str, t.Any]:
    """Return an inventory of one node for each of ``nodes``, a further profile on a machine being a node like any other."""
    return {"nodes": {node.name: _node(node) for node in nodes}}


def _node(node: Node) -> dict[str, t.Any]:
    given = _facts(node)
    (understood,) = nodes_of({node.name: given}, Origin("", node.flake))
    if understood.attr != node.attr:
        given["nix_attr"] = node.attr
    if understood.profile != node.profile:
        given["nix_profile"] = node.profile
    if understood.become_user != node.become_user:
        given["ansible_become_user"] = node.become_user
    return given


def _facts(node: Node) -> dict[str, t.Any]:
    custom = node.platform == "custom"
    follows = f"{node.user}@{node.name}" if node.platform == "home-manager" else node.name
    ssh = {"host": node.address, "port": node.port, "user": node.user}
    said = {
        "platform": node.platform if node.platform != "nixos" else None,
        "system": node.system,
        "role": node.role,
        "configuration": node.configuration if node.configuration != follows else None,
        "ips": list(node.ips),
        "ssh": _said(ssh),
        "tags": list(node.tags),
        "attr": node.attr if custom else None,
        "activate": node.activate if custom else None,
        "profile": node.profile if custom else None,
        "keys": _keys(node.keys),
    }
    return {**_said(said), **node.fields, **node.variables}


def _keys(keys: tuple[Mapping[str, t.Any], ...]) -> dict[str, t.Any]:
    # Nix sorts names. Files of the same name in several directories, and another order, are told by names of their own.
    names = [key["name"] for key in keys]
    if names == sorted(set(names)):
        return {key["name"]: {field: value for field, value in key.items() if field != "name"} for key in keys}
    digits = len(str(len(keys)))
    return {f"{number:0{digits}}-{key['name']}": dict(key) for number, key in enumerate(keys)}


def _said(fields: dict[str, t.Any]) -> dict[str, t.Any]:
    return {name: value for name, value in fields.items() if value not in (None, [], {})}
