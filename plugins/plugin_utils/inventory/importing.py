# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of another source, written down as a ``nodes.nix`` that is the same fleet to Ansible."""

from __future__ import annotations

import dataclasses
import filecmp
import pathlib
import re
import tempfile
import typing as t

from ..core.errors import InventoryError, NixError
from ..nix.command import laid_out
from .evaluation import is_local
from .fleet import fleet_of
from .loading import Plan, Reading, fetch
from .nodes import SOURCE as NODES
from .nodes import nodes_of
from .place import FlakeOutput, NixFile
from .source import Origin, quoted, shown

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .fleet import Fleet
    from .source import Node

_MISSING = object()
# As much of a value as fits into a message.
_CHARACTERS = 120


def differences(old: Fleet, new: Fleet, *, ignored: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return a sentence for each host, variable or group of ``old`` that ``new`` does not have alike, and the reverse.

    The order of hosts has no meaning. ``ignored`` names variables that may differ.
    """
    return (*_hosts(old, new, ignored), *_groups(old, new))


def _hosts(old: Fleet, new: Fleet, ignored: frozenset[str]) -> Iterator[str]:
    for name in sorted({*old.hosts, *new.hosts}):
        if name not in new.hosts:
            yield f"host {name} is missing"
        elif name not in old.hosts:
            yield f"host {name} is new"
        else:
            before, after = old.hosts[name], new.hosts[name]
            for variable in sorted(({*before} | {*after}) - ignored):
                was, now = before.get(variable, _MISSING), after.get(variable, _MISSING)
                # Of 1, 1.0 and true, which Python takes for one, Ansible does not make the same.
                if _text(was) != _text(now):
                    yield f"host {name}: {variable} is {_text(now)[:_CHARACTERS]}, where it was {_text(was)[:_CHARACTERS]}"


def _groups(old: Fleet, new: Fleet) -> Iterator[str]:
    for name in sorted({*old.groups, *new.groups}):
        was, now = (sorted(fleet.groups.get(name, ())) for fleet in (old, new))
        if was != now:
            yield f"group {shown(name)} has {' '.join(now) or 'nobody'}, where it had {' '.join(was) or 'nobody'}"


def _text(value: t.Any) -> str:
    return "not set" if value is _MISSING else quoted(_sorted(value))


def _sorted(value: t.Any) -> t.Any:
    """Return ``value`` with the names of sets in order, which has no meaning in Nix."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, (list, tuple)) else value


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


HEADER = """\
# The fleet: which machines there are, and what differs between them. Written by `ansible-playbook nix.fleet.import`;
# yours from here on. docs/inventory.md of nix.fleet has every field.
"""
# All that the source said, in the source's words.
_WORDS_OF_THE_SOURCE = frozenset(("nix_node",))
# As many differences are told in a message.
_TOLD = 5


@dataclasses.dataclass(frozen=True)
class Import:
    """What is to be written for so many hosts, or None where a file describes the fleet already."""

    hosts: int
    text: str | None
    # What its user should know, a sentence each.
    notes: tuple[str, ...] = ()


def prepared_import(read: Reading, file: pathlib.Path) -> Import:
    """Return what is to be written to ``file``, which nothing is written to yet.

    A file that describes the fleet already, in whatever words, stays as it is. One that describes another raises
    ``InventoryError``, and so does a fleet that would not come out of the file as it is.
    """
    nodes = tuple(_with_keys_of_project(node, read) for node in read.nodes())
    if broken := [node.name for node in nodes if node.broken]:
        raise InventoryError(
            f"{read.plan.place}: of {', '.join(broken)} nothing but the name is known, since it does not evaluate",
            code="not_expressible",
            advice="mend its configuration first: nix eval tells why",
        )
    fleet = fleet_of(nodes)
    notes = (*fleet.notes, *_frozen_keys(nodes))
    if read.plan.place == NixFile(file):
        return Import(len(fleet.hosts), None)
    own = read.evaluated.source == NODES.name
    ignored = frozenset() if own else _WORDS_OF_THE_SOURCE
    if file.exists():
        different = _differences(fleet, file, read, ignored)
        if not different:
            return Import(len(fleet.hosts), None, notes)
        raise InventoryError(
            f"{file} is there, and describes another fleet than {read.plan.place}: {_told(different)}",
            code="other_fleet",
            advice="move it out of the way",
            differences=list(different),
        )
    try:
        data = read.evaluated.data if own else nodes_data(nodes)
        text = f"{HEADER}{laid_out(data)}\n"
    except NixError as error:
        raise InventoryError(f"{read.plan.place}: {error.cause}", code="not_expressible", advice=error.advice) from None
    # What is promised is looked at before anybody relies on it.
    with tempfile.TemporaryDirectory(prefix="nix.fleet-import-") as directory:
        written = pathlib.Path(directory, file.name)
        written.write_text(text, encoding="utf-8")
        different = _differences(fleet, written, read, ignored)
    if different:
        raise InventoryError(
            f"{read.plan.place} cannot be written as a nodes.nix that is the same fleet: {_told(different)}",
            code="not_expressible",
            advice="go on with the source as it stands, and report this",
            differences=list(different),
        )
    return Import(len(fleet.hosts), text, notes)


# A file of a flake, or of one of its inputs, as it is on the day.
_SOURCE_IN_STORE = re.compile(r"/nix/store/[a-z0-9]{32}-source/(?P<path>.+)")


def _with_keys_of_project(node: Node, read: Reading) -> Node:
    """Return ``node`` with keys that are files of the flake by their place in the project, where they may be replaced."""
    place = read.plan.place
    if not (isinstance(place, FlakeOutput) and is_local(place)):
        return node
    project = pathlib.Path(place.flake)
    return dataclasses.replace(node, keys=tuple(_key_of_project(key, project) for key in node.keys))


def _key_of_project(key: Mapping[str, t.Any], project: pathlib.Path) -> Mapping[str, t.Any]:
    found = _SOURCE_IN_STORE.fullmatch(key.get("file") or "")
    if found is None:
        return key
    try:
        # An input may have a file of the same name.
        same = filecmp.cmp(found[0], project / found["path"], shallow=False)
    except OSError:
        return key
    return {**key, "file": found["path"]} if same else key


def _frozen_keys(nodes: Iterable[Node]) -> Iterator[str]:
    frozen = [
        f"{shown(key['name'])} of {shown(node.name)}"
        for node in nodes
        for key in node.keys
        if str(key.get("file", "")).startswith("/nix/store/")
    ]
    if frozen:
        yield (
            f"these keys are files of the Nix store as they are today, and no later rotation is noticed: {', '.join(frozen)};"
            " name the files themselves"
        )


def _differences(fleet: Fleet, file: pathlib.Path, read: Reading, ignored: frozenset[str]) -> tuple[str, ...]:
    plan = Plan(NixFile(file), (NODES,), read.plan.flake)
    try:
        other = Reading(plan, read.settings, fetch(plan, read.settings, None)).fleet()
    except InventoryError as error:
        return (error.cause,)
    return differences(fleet, other, ignored=ignored)


def _told(different: Sequence[str]) -> str:
    more = f"; and {len(different) - _TOLD} more" if len(different) > _TOLD else ""
    return "; ".join(different[:_TOLD]) + more
