# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole inventory, checked before Ansible is told of any of it."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .fields import Check, shown
from .groups import groups_of
from .hostvars import host_variables

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .node import Node

# Ansible reads commas, colons, brackets and a leading ! & ~ @ of a host's name as a pattern, and programs read a
# leading dash as an option.
_HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]*")
_CONTROLLER = ("localhost", "127.0.0.1")


@dataclasses.dataclass(frozen=True)
class Fleet:
    """The hosts with their variables, and the groups with their hosts."""

    hosts: Mapping[str, Mapping[str, t.Any]]
    groups: Mapping[str, list[str]]


def fleet_of(nodes: Iterable[Node]) -> Fleet:
    """Return the fleet that ``nodes`` are; raises ``InventoryError`` when they cannot be one."""
    nodes = tuple(nodes)
    hosts: dict[str, Mapping[str, t.Any]] = {}
    for node in nodes:
        _check_name(node.name)
        if node.name in hosts:
            raise Check(f"node {shown(node.name)}").failure("is defined more than once")
        hosts[node.name] = host_variables(node)
    return Fleet(hosts, groups_of(nodes))


def _check_name(name: str) -> None:
    check = Check(f"node {shown(name)}")
    if not _HOST_NAME.fullmatch(name):
        raise check.failure(
            "its name cannot be a host's name in Ansible; use letters, digits and . _ - + @, and begin with one of "
            "the first two or _"
        )
    if name in _CONTROLLER:
        raise check.failure("its name means the controller to Ansible; choose another one")
