# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""deploy-rs: the output `deploy`, each profile of each node as a host."""

from __future__ import annotations

import dataclasses
import typing as t

from .source import (
    Check,
    Node,
    Origin,
    Source,
    attribute_path,
    become_variables,
    built_attribute,
    quoted,
    shown,
    ssh_variables,
)

OUTPUT = ("deploy",)
SYSTEM = "system"
# The program that deploy-rs puts into each profile that it activates.
ACTIVATE = "deploy-rs-activate"


def nodes_of(data: t.Any, origin: Origin) -> tuple[Node, ...]:
    """Return a host for each profile: the node's own name for its system, PROFILE@NODE for all else.

    They are in the order in which deploy-rs deploys them; one that comes after others which ``profilesOrder`` names says so.
    """
    hosts: list[Node] = []
    for name, node in data["nodes"].items():
        order = Check(f"node {shown(name)}").texts("profilesOrder", node["settings"].get("profilesOrder"))
        order = [each for each in dict.fromkeys(order) if each in node["profiles"]]
        # As deploy-rs does: those that are named first, then all others.
        for profile_name in dict.fromkeys((*order, *node["profiles"])):
            profile = node["profiles"][profile_name]
            check = Check(f"node {shown(name)}, profile {shown(profile_name)}")
            settings = _merged(check, data["settings"], node["settings"], profile)
            before = order[: order.index(profile_name)] if profile_name in order else order
            after = [_name(name, each) for each in before]
            host = _host(check, name, profile_name, settings, data["configurations"].get(name), origin)
            hosts.append(dataclasses.replace(host, variables={**host.variables, "nix_after": after}) if after else host)
    return tuple(hosts)


def _name(node: str, profile: str) -> str:
    return node if profile == SYSTEM else f"{profile}@{node}"


def _merged(check: Check, *levels: dict[str, t.Any]) -> dict[str, t.Any]:
    """Merge settings as deploy-rs does: a profile's go before its node's, those before the deployment's.

    Arguments of ssh are joined, the profile's first.
    """
    merged = {field: value for level in levels for field, value in level.items() if value is not None}
    options = [option for level in reversed(levels) for option in check.texts("sshOpts", level.get("sshOpts"))]
    return {**merged, "sshOpts": options}


def _host(
    check: Check, node: str, profile: str, settings: dict[str, t.Any], platform: str | None, origin: Origin
) -> Node:
    login = check.text("sshUser", settings.get("sshUser"))
    user = check.text("user", settings.get("user")) or login
    address = check.text("hostname", settings.get("hostname"))
    if address is None:
        raise check.failure("has no address; deploy-rs wants a hostname for each node")
    escalation = _escalation(check, settings) if user != login else {}
    variables = {**ssh_variables(settings["sshOpts"]), **_policy(check, settings), **(escalation or {})}
    ignored = {
        "sudo": escalation is None,
        "interactiveSudo": check.flag("interactiveSudo", settings.get("interactiveSudo")),
        "tempPath": check.text("tempPath", settings.get("tempPath")),
    }
    # A profile is known for a system by its name, its user, and a configuration of the node's name: only an evaluation
    # of all of its modules could tell more.
    system = platform if profile == SYSTEM and user in (None, "root") else None
    output = origin.attribute or OUTPUT
    path = check.text("profilePath", settings.get("profilePath"))
    return Node(
        name=_name(node, profile),
        platform=system or "custom",
        address=address,
        port=variables.pop("ansible_port", None),
        user=login,
        become_user=user if user != login else None,
        configuration=node if system else None,
        flake=origin.flake,
        attr=built_attribute(system, node, check)
        if system
        else attribute_path((*output, "nodes", node, "profiles", profile, "path"), check),
        profile=path if system else path or _profile_path(user, profile),
        activate=None if system else ACTIVATE,
        variables=variables,
        ignored=tuple(setting for setting, asked in ignored.items() if asked),
        data={**settings, "name": node, "profile": profile},
    )


# A setting, and the variable that says the same.
_FLAGS = {"autoRollback": "deploy_rollback_on_failure", "magicRollback": "deploy_confirm"}
_SECONDS = {"confirmTimeout": "deploy_confirm_timeout", "activationTimeout": "deploy_activation_timeout"}


def _policy(check: Check, settings: dict[str, t.Any]) -> dict[str, t.Any]:
    variables: dict[str, t.Any] = {}
    if check.flag("remoteBuild", settings.get("remoteBuild")):
        variables["deploy_build_on"] = "target"
    fast = check.flag("fastConnection", settings.get("fastConnection"))
    if fast is not None:
        variables["deploy_substitute_on_destination"] = not fast
    for setting, variable in _FLAGS.items():
        if check.flag(setting, settings.get(setting)) is not None:
            variables[variable] = settings[setting]
    for setting, variable in _SECONDS.items():
        if (seconds := settings.get(setting)) is not None:
            if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 1:
                raise check.failure(f"{setting} must be a number of seconds, not {quoted(seconds)}")
            variables[variable] = seconds
    return variables


def _escalation(check: Check, settings: dict[str, t.Any]) -> dict[str, t.Any] | None:
    command = check.text("sudo", settings.get("sudo"))
    return become_variables(command.split()) if command else {}


def _profile_path(user: str | None, profile: str) -> str:
    if user != "root":
        return f"per-user/{profile}"
    return "/nix/var/nix/profiles/" + (SYSTEM if profile == SYSTEM else f"per-user/root/{profile}")


# All but the profiles' paths, which are whole systems: their evaluation is left to the stage of that name.
_EXPRESSION = r"""
  { outputs, value }:
  let
    deploy = if value != null then value else outputs.deploy or null;
    configurations = output: platform: mapAttrs (name: _: platform) (outputs.${output} or { });
    node = name: given:
      let where = "node ${name}"; in
      {
        settings = at where (plain where (removeAttrs given [ "profiles" ]));
        profiles = at where (mapAttrs (profile: settings:
          let here = "${where}, profile ${profile}"; in at here (plain here (removeAttrs settings [ "path" ])))
          (given.profiles or { }));
      };
  in
  if !(isAttrs deploy && deploy ? nodes) then null
  else {
    settings = plain "deploy" (removeAttrs deploy [ "nodes" ]);
    nodes = mapAttrs node deploy.nodes;
    configurations = configurations "darwinConfigurations" "darwin" // configurations "nixosConfigurations" "nixos";
  }
"""

SOURCE = Source(
    name="deploy-rs",
    looks_for="output deploy.nodes",
    expression=_EXPRESSION,
    nodes=nodes_of,
)
