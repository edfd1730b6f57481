# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of nix.fleet's own: nodes, or roles that fan out to nodes, in Nix, JSON or YAML.

The Python twin of ``inventory/lib/roles.nix``, ``node.nix`` and ``profile.nix``: brings both forms to one, checks the fields that
nix.fleet knows, fills in what follows from them, and leaves the user's own as they are. ``tests/cases/nodes`` holds both programs to
the same rules.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .source import Check, Node, Origin, Source, become_user_of, built_attribute, quoted, shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping


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
    given = check.spelt((*NODE_FIELDS, "targets"), check.whole(value))
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


KEY_TEXTS = ("file", "directory", "owner", "group", "mode", "upload_at")
KEY_FIELDS = ("name", *KEY_TEXTS, "command", "hive")


def named_keys(check: Check, value: t.Any) -> tuple[Mapping[str, t.Any], ...]:
    """Return the keys of a node's field `keys`, as the module nix_keys takes them."""
    return tuple(
        _key(Check(f"{check.where}, key {shown(name)}"), name, given)
        for name, given in check.set("keys", value).items()
    )


def _key(check: Check, name: str, value: t.Any) -> dict[str, t.Any]:
    given = check.whole(value)
    if "content" in given:
        raise check.failure(
            "content is a secret, and an inventory is read by many: name a file or a command, or keep it in a vault of"
            " group_vars (deploy_keys)"
        )
    unknown = sorted(given.keys() - {*KEY_FIELDS})
    if unknown:
        raise check.failure(f"unknown field {unknown[0]}, the known ones are: {' '.join(sorted(KEY_FIELDS))}")
    command = check.texts("command", given.get("command"))
    # A text that is left in a colmena hive: where it is, as nix_keys takes it.
    hive = check.set("hive", given.get("hive"))
    fields = {field: check.text(field, given.get(field)) for field in KEY_TEXTS}
    if sum(map(bool, (command, fields["file"], hive))) != 1:
        raise check.failure("needs a file or a command, and not both")
    return {
        "name": check.text("name", given.get("name")) or name,
        **{field: text for field, text in fields.items() if text is not None},
        **({"command": command} if command else {}),
        **({"hive": hive} if hive else {}),
    }


SSH_FIELDS = ("host", "port", "user")


def normalise(inventory: t.Any) -> dict[str, dict[str, t.Any]]:
    """Return the nodes of ``inventory``, in either form, checked and with every known field filled in."""
    return {name: normal_node(name, given) for name, given in nodes_by_name(inventory).items()}


def normal_node(name: str, given: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the node ``name`` in its normal form; raises ``InventoryError``."""
    check = Check(f"node {shown(name)}")
    check.spelt(NODE_FIELDS, given)

    def text(field: str) -> str | None:
        return check.text(field, given.get(field))

    def worked_out(field: str, value: str) -> str:
        if given.get(field) is None or given[field] == value:
            return value
        raise check.failure(
            f"{field} is set to {quoted(given[field])}, but it is worked out, here to {quoted(value)}; leave it out"
        )

    ssh = _ssh(check, given.get("ssh"))
    system = text("system")
    platform = check.platform(given.get("platform")) or _platform_of(system)
    host_name = text("hostName")
    ips = check.texts("ips", given.get("ips"))
    primary_ip = text("primaryIp") or (ips[0] if ips else None)
    address = ssh["host"] or primary_ip or host_name
    if not address:
        raise check.failure("has no address; give it ssh.host, primaryIp, ips or hostName")
    configuration = text("configuration") or _configuration_of(check, name, platform, ssh["user"])
    if platform == "custom" and not (text("attr") and text("activate")):
        raise check.failure("a custom node needs attr and activate: what to build, and which program of it to run")
    profiles = check.set("profiles", given.get("profiles"))
    return {
        **given,
        "name": worked_out("name", name),
        "address": worked_out("address", address),
        "role": text("role"),
        "tags": list(dict.fromkeys(check.texts("tags", given.get("tags")))),
        "profiles": {key: normal_profile(name, ssh["user"], key, value) for key, value in profiles.items()},
        "platform": platform,
        "system": system,
        "configuration": configuration,
        "hostName": host_name,
        "ips": ips,
        "primaryIp": primary_ip,
        "ssh": ssh,
    }


def normal_profile(node: str, login: str | None, name: str, value: t.Any) -> dict[str, t.Any]:
    """Return a further profile that ``node`` carries beside its system, in its normal form."""
    check = Check(f"node {shown(node)}, profile {shown(name)}")
    given = check.spelt(PROFILE_FIELDS, check.whole(value))
    known = {field: check.text(field, given.get(field)) for field in ("user", "profile", "attr", "activate")}
    platform = check.platform(given.get("platform"))
    if platform is None:
        raise check.failure("platform is missing")
    if platform == "custom" and not (known["attr"] and known["activate"]):
        raise check.failure("a custom profile needs attr and activate: what to build, and which program of it to run")
    configuration = check.text("configuration", given.get("configuration"))
    if configuration is None:
        configuration = _configuration_of_profile(check, node, platform, known["user"] or login)
    return {**given, **known, "name": name, "platform": platform, "configuration": configuration}


def _ssh(check: Check, value: t.Any) -> dict[str, t.Any]:
    given = check.set("ssh", value)
    unknown = sorted(given.keys() - set(SSH_FIELDS))
    if unknown:
        raise check.failure(f"unknown field ssh.{unknown[0]}, the known ones are host, port and user")
    return {
        "host": check.text("ssh.host", given.get("host")),
        "port": check.port("ssh.port", given.get("port")),
        "user": check.text("ssh.user", given.get("user")),
    }


def _platform_of(system: str | None) -> str:
    return "darwin" if system is not None and system.endswith("-darwin") else "nixos"


def _configuration_of(check: Check, name: str, platform: str, user: str | None) -> str:
    if platform != "home-manager":
        return name
    if user is not None:
        return f"{user}@{name}"
    raise check.failure(
        f'a home-manager node needs ssh.user or configuration, to find its homeConfigurations."user@{name}"'
    )


def _configuration_of_profile(check: Check, node: str, platform: str, user: str | None) -> str | None:
    if platform == "custom":
        return None
    if platform != "home-manager":
        return node
    if user is not None:
        return f"{user}@{node}"
    raise check.failure(
        f'a home-manager profile needs user or configuration, to find its homeConfigurations."user@{node}"'
    )


# What nix.fleet takes out of a node; all else is the user's.
KNOWN = frozenset(
    "name address role platform system configuration hostName ips primaryIp ssh tags profiles keys".split()
)
# What else follows from a node, unless it says it itself, by the name of the variable. A fleet that was written down for
# another tool may build another attribute, set another profile, or become another user than would follow here.
SAID = frozenset(("nix_attr", "nix_profile", "ansible_become_user"))
# A node or profile of the custom platform says these, too. On other platforms they are fields like any other.
CUSTOM = frozenset(("attr", "activate", "profile"))
NODE_FIELDS = KNOWN | SAID | CUSTOM
PROFILE_FIELDS = CUSTOM | {"name", "platform", "configuration", "user", "keys"}


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
