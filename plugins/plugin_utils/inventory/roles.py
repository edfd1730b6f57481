# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing both forms of an inventory to one: the Python twin of ``inventory/lib/roles.nix``.

The result is nodes by name, each with the defaults of its role merged in and nothing checked but its shape.
"""

from __future__ import annotations

import typing as t

from .fields import Check, shown


class _Entry(t.NamedTuple):
    place: str
    name: str
    given: dict[str, t.Any]


def nodes_by_name(inventory: t.Any) -> dict[str, dict[str, t.Any]]:
    """Return the nodes of ``inventory``, whichever form it has; raises ``InventoryError``."""
    given = Check("the inventory").whole(inventory)
    # Editors are told by it what the file may hold; it is no node.
    whole = {name: value for name, value in given.items() if name != "$schema"}
    if "roles" in whole or "nodes" in whole:
        entries = [entry for role in _part(whole, "roles").items() for entry in _targets(*role)]
        entries += _entries("nodes", _part(whole, "nodes"))
    else:
        entries = _entries("the inventory", whole)
    return _each_once(entries)


def _part(whole: dict[str, t.Any], name: str) -> dict[str, t.Any]:
    # The form with roles has nothing else beside them, so that a node put one level too high is noticed.
    strangers = sorted(whole.keys() - {"roles", "nodes"})
    if strangers:
        raise Check(shown(strangers[0])).failure(
            "unknown field beside roles and nodes; a node without a role belongs into nodes"
        )
    value = whole.get(name)
    return {} if value is None else Check(name).whole(value)


def _entries(place: str, nodes: dict[str, t.Any]) -> list[_Entry]:
    return [_Entry(place, name, Check(f"node {shown(name)}").whole(node)) for name, node in nodes.items()]


def _targets(role: str, value: t.Any) -> list[_Entry]:
    check = Check(f"role {shown(role)}")
    given = check.whole(value)
    if given.get("targets") is None:
        raise check.failure("has no targets; a role is { targets.<name> = { ... }; } and its targets' defaults")
    targets = check.set("targets", given["targets"])
    defaults = {field: item for field, item in given.items() if field != "targets"}
    defaults["tags"] = check.texts("tags", given.get("tags"))
    return [
        entry._replace(given=_as_target(role, entry.name, _with_defaults(defaults, entry.given)))
        for entry in _entries(f"roles.{role}.targets", targets)
    ]


def _as_target(role: str, name: str, given: dict[str, t.Any]) -> dict[str, t.Any]:
    own = given.get("role")
    if own is None or own == role:
        return {**given, "role": role}
    raise Check(f"node {shown(name)}").failure(f"role {own} does not fit, it is a target of role {role}")


def _with_defaults(defaults: dict[str, t.Any], own: dict[str, t.Any]) -> dict[str, t.Any]:
    return {**_merged(defaults, own), "tags": _joined(defaults["tags"], own.get("tags"))}


def _merged(defaults: dict[str, t.Any], own: dict[str, t.Any]) -> dict[str, t.Any]:
    merged = dict(defaults)
    for name, value in own.items():
        default = defaults.get(name)
        both_sets = isinstance(value, dict) and isinstance(default, dict)
        merged[name] = _merged(default, value) if both_sets else value  # type: ignore[arg-type]
    return merged


def _joined(of_role: list[str], own: t.Any) -> t.Any:
    # Tags of a wrong type are left as they are, for the node's own check to name.
    if own is None:
        return of_role
    return of_role + own if isinstance(own, list) else own


def _each_once(entries: list[_Entry]) -> dict[str, dict[str, t.Any]]:
    places: dict[str, list[str]] = {}
    for entry in entries:
        places.setdefault(entry.name, []).append(entry.place)
    for name, several in places.items():
        if len(several) > 1:
            raise Check(f"node {shown(name)}").failure(f"is defined more than once ({', '.join(sorted(several))})")
    return {entry.name: entry.given for entry in entries}
