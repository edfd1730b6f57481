# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One node of an inventory: the Python twin of ``inventory/lib/node.nix`` and ``profile.nix``.

Checks the fields that nix.fleet knows, fills in what follows from them, and leaves the user's own as they are.
``tests/cases/nodes`` holds both programs to the same rules.
"""

from __future__ import annotations

import typing as t

from .fields import Check, quoted, shown
from .roles import nodes_by_name

SSH_FIELDS = ("host", "port", "user")


def normalise(inventory: t.Any) -> dict[str, dict[str, t.Any]]:
    """Return the nodes of ``inventory``, in either form, checked and with every known field filled in."""
    return {name: normal_node(name, given) for name, given in nodes_by_name(inventory).items()}


def normal_node(name: str, given: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return the node ``name`` in its normal form; raises ``InventoryError``."""
    check = Check(f"node {shown(name)}")

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
    given = check.whole(value)
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
