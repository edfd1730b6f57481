# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole inventory, checked before Ansible is told of any of it: hosts with their variables, and groups.

The variables are the contract that ``docs/inventory.md`` states.
"""

from __future__ import annotations

import dataclasses
import keyword
import re
import typing as t

from ..core.errors import InventoryError
from ..platforms.platform import platforms
from .source import Check, quoted, shown

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .source import Node

_ADDRESS = re.compile(r"[\w\[:][\w.:%@+\[\]-]*")
_LOGIN = re.compile(r"\w[\w.@+\\-]*\$?")
_USER = re.compile(r"\w[\w.@+-]*\$?")


def connection_variables(node: Node) -> dict[str, t.Any]:
    """Return the variables of the connection to ``node``; raises ``InventoryError`` for one that could be more than that."""
    check = Check(f"node {shown(node.name)}")
    variables: dict[str, t.Any] = {
        "ansible_host": _spelt(check, "address", node.address, _ADDRESS, ". _ - : % @ + [ ]")
    }
    if node.port is not None:
        variables["ansible_port"] = node.port
    if node.user is not None:
        variables["ansible_user"] = _spelt(check, "user", node.user, _LOGIN, r". _ - @ + \ $")
    if node.become_user is not None:
        variables["ansible_become"] = True
    if node.become_user not in (None, "root"):
        variables["ansible_become_user"] = _spelt(check, "user", str(node.become_user), _USER, ". _ - @ + $")
    return variables


def _spelt(check: Check, what: str, value: str, form: re.Pattern[str], signs: str) -> str:
    if form.fullmatch(value):
        return value
    raise check.failure(
        f"{quoted(value[:200])} cannot be its {what}; it may have letters, digits and {signs}, and begins with no sign"
    )


# Names that Ansible sets for every host or task. A host variable of that name is lost, or breaks templates.
RESERVED = frozenset(
    """
    ansible_async_path ansible_check_mode ansible_collection_name ansible_config_file ansible_dependent_role_names
    ansible_diff_mode ansible_facts ansible_forks ansible_inventory_sources ansible_limit ansible_parent_role_names
    ansible_parent_role_paths ansible_play_batch ansible_play_hosts ansible_play_hosts_all ansible_play_name
    ansible_play_role_names ansible_playbook_python ansible_role_name ansible_role_names ansible_run_tags
    ansible_search_path ansible_skip_tags ansible_verbosity ansible_version
    group_names groups hostvars inventory_dir inventory_file inventory_hostname inventory_hostname_short
    lookup omit play_hosts playbook_dir q query role_name role_names role_path role_uuid vars
    """.split()
)


def host_variables(node: Node) -> dict[str, t.Any]:
    """Return the variables of ``node``; raises ``InventoryError`` for a field that cannot be one."""
    contract = {**connection_variables(node), **_facts(node), **node.variables}
    own = {name: value for name, value in node.fields.items() if is_variable_name(name)}
    check = Check(f"node {shown(node.name)}")
    for name in own:
        if name in RESERVED:
            raise check.failure(f"{name} is a variable that Ansible sets itself; give the field another name")
        if name in contract or name in _CONTRACT:
            raise check.failure(f"{name} is a variable that nix.fleet sets; give the field another name")
    return {**own, **contract}


def is_variable_name(name: str) -> bool:
    """Whether Ansible takes ``name`` for a variable; a field of another name is found in ``nix_node`` alone."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def _facts(node: Node) -> dict[str, t.Any]:
    return {
        "nix_name": node.name,
        "nix_platform": node.platform,
        "nix_system": node.system,
        "nix_role": node.role,
        "nix_tags": list(node.tags),
        "nix_ips": list(node.ips),
        "nix_configuration": node.configuration,
        "nix_flake": node.flake,
        "nix_attr": node.attr,
        "nix_profile": node.profile,
        "nix_activate": node.activate,
        "nix_keys": [dict(key) for key in node.keys],
        "nix_impure": platforms()[node.platform].impure,
        "nix_node": dict(node.data),
    }


# Also the ones that this node happens not to have: a field must not turn into policy when the node's data change.
_CONTRACT = frozenset(("ansible_host", "ansible_port", "ansible_user", "ansible_become", "ansible_become_user"))


_ANSIBLE = ("all", "ungrouped")


def groups_of(nodes: Iterable[Node]) -> dict[str, list[str]]:
    """Return the names of the hosts in each group; raises ``InventoryError`` where two things share a group's name.

    A tag that is a node's name makes no group, since Ansible has hosts and groups by one name.
    """
    groups: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}
    nodes = tuple(nodes)
    names = {node.name for node in nodes}
    for node in nodes:
        for group, reason in _memberships(node):
            if group in names and reason.startswith("tag "):
                continue
            if group in _ANSIBLE:
                raise Check(f"node {shown(node.name)}").failure(f"{reason} has the name of a group of Ansible's own")
            if reasons.setdefault(group, reason) != reason:
                raise InventoryError(
                    f"{reasons[group]} and {reason} would both be the group {group}; rename one", code="duplicate_group"
                )
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


# Ansible reads commas, colons, brackets and a leading ! & ~ @ of a host's name as a pattern, and programs read a
# leading dash as an option.
_HOST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]*")
_CONTROLLER = ("localhost", "127.0.0.1")


@dataclasses.dataclass(frozen=True)
class Fleet:
    """The hosts with their variables, and the groups with their hosts."""

    hosts: Mapping[str, Mapping[str, t.Any]]
    groups: Mapping[str, list[str]]
    # What its user should know, a sentence each.
    notes: tuple[str, ...] = ()


def fleet_of(nodes: Iterable[Node]) -> Fleet:
    """Return the fleet that ``nodes`` are; raises ``InventoryError`` when they cannot be one."""
    nodes = tuple(nodes)
    hosts: dict[str, Mapping[str, t.Any]] = {}
    for node in nodes:
        _check_name(node.name)
        if node.name in hosts:
            raise Check(f"node {shown(node.name)}").failure("is defined more than once")
        hosts[node.name] = host_variables(node)
    return Fleet(hosts, groups_of(nodes), tuple(_notes(nodes)))


# As many names are told in a note.
_TOLD = 5


def _notes(nodes: Sequence[Node]) -> Iterator[str]:
    broken = [node.name for node in nodes if node.broken]
    if broken:
        yield f"does not evaluate, so that nothing but its name is known, and its deployment will fail: {_names(broken)}"
    names = {node.name for node in nodes}
    tags = sorted({tag for node in nodes for tag in node.tags if group_name(tag) in names})
    if tags:
        yield f"no group is made of a tag that is a node's name: {_names(tags)}"
    ignored: dict[str, list[str]] = {}
    for node in nodes:
        for option in node.ignored:
            ignored.setdefault(option, []).append(node.name)
    if ignored:
        told = "; ".join(f"{option} ({_names(asking)})" for option, asking in ignored.items())
        yield f"nix.fleet does nothing of this, for which the fleet asks: {told}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return ", ".join(map(shown, names[:_TOLD])) + more


def with_group(fleet: Fleet, group: str) -> Fleet:
    """Return ``fleet`` with a ``group`` of all its hosts, if it is to have one; raises ``InventoryError`` for a name that is taken."""
    if not group:
        return fleet
    if group != group_name(group) or group in (*_ANSIBLE, *fleet.groups, *fleet.hosts):
        raise InventoryError(
            f"{shown(group)} cannot be the group of all hosts: "
            + (
                "a tag or a host has the name"
                if group == group_name(group)
                else "it has other than letters, digits and _"
            ),
            code="bad_option",
            advice="give that group another name, by the option group",
        )
    return dataclasses.replace(fleet, groups={**fleet.groups, group: [*fleet.hosts]})


def _check_name(name: str) -> None:
    check = Check(f"node {shown(name)}")
    if not _HOST_NAME.fullmatch(name):
        raise check.failure(
            "its name cannot be a host's name in Ansible; use letters, digits and . _ - + @, and begin with one of "
            "the first two or _"
        )
    if name in _CONTROLLER:
        raise check.failure("its name means the controller to Ansible; choose another one")
