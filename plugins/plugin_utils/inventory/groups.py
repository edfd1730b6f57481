# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The groups of a fleet: its tags by their own names, its roles, platforms and systems."""

from __future__ import annotations

import re
import typing as t

from ..core.errors import InventoryError
from .fields import Check, shown

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .node import Node

_ANSIBLE = ("all", "ungrouped")


def groups_of(nodes: Iterable[Node]) -> dict[str, list[str]]:
    """Return the names of the hosts in each group; raises ``InventoryError`` where two things share a group's name."""
    groups: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}
    nodes = tuple(nodes)
    for node in nodes:
        for group, reason in _memberships(node):
            if group in _ANSIBLE:
                raise Check(f"node {shown(node.name)}").failure(f"{reason} has the name of a group of Ansible's own")
            if reasons.setdefault(group, reason) != reason:
                raise InventoryError(f"{reasons[group]} and {reason} would both be the group {group}; rename one")
            groups.setdefault(group, []).append(node.name)
    for node in nodes:
        if node.name in reasons:
            raise Check(f"node {shown(node.name)}").failure(
                f"its name is also that of a group, for {reasons[node.name]}; rename one"
            )
    return groups


def group_name(text: str) -> str:
    """Return ``text`` as Ansible wants a group to be called: letters, digits and underscores, no digit first."""
    name = re.sub(r"\W", "_", text)
    return f"_{name}" if name[:1].isdigit() else name


def _memberships(node: Node) -> Iterator[tuple[str, str]]:
    for tag in node.tags:
        if not tag:
            raise Check(f"node {shown(node.name)}").failure("a tag must not be empty")
        yield group_name(tag), f"tag {shown(tag)}"
    for kind, value in (("role", node.role), ("platform", node.platform), ("system", node.system)):
        if value is not None:
            yield group_name(f"{kind}_{value}"), f"{kind} {shown(value)}"
