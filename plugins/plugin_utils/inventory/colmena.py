# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A colmena hive: the output `colmenaHive`, the raw hive in `colmena`, or a `hive.nix`."""

from __future__ import annotations

import dataclasses
import typing as t

from ..nix.language import string_literal
from ..platforms.registry import platforms
from .source import Check, Node, Origin, Source, attribute_path, become_user_of, built_attribute, shown, ssh_variables

if t.TYPE_CHECKING:
    from collections.abc import Mapping

# What is called otherwise here.
KEY_NAMES = {"destDir": "directory", "user": "owner", "group": "group", "permissions": "mode", "uploadAt": "upload_at"}


def keys_of(check: Check, node: str, value: t.Any, origin: Origin) -> tuple[Mapping[str, t.Any], ...]:
    """Return the keys of ``deployment.keys``; a text stays where it is, and is only asked for when it is needed."""
    return tuple(
        _key(Check(f"{check.where}, deployment.keys.{shown(name)}"), node, name, given, origin)
        for name, given in check.set("deployment.keys", value).items()
    )


def _key(check: Check, node: str, attribute: str, value: t.Any, origin: Origin) -> dict[str, t.Any]:
    given = check.whole(value)
    texts = {ours: check.text(theirs, given.get(theirs)) for theirs, ours in KEY_NAMES.items()}
    sources = {
        "file": check.text("keyFile", given.get("keyFile")),
        "command": check.texts("keyCommand", given.get("keyCommand")),
        "hive": {**origin.reading, "node": node, "key": attribute} if given.get("text") else None,
    }
    named = {source: said for source, said in sources.items() if said}
    if len(named) != 1:
        raise check.failure("needs one of text, keyFile and keyCommand")
    return {
        "name": check.text("name", given.get("name")) or attribute,
        **{field: text for field, text in texts.items() if text is not None},
        **named,
    }


OUTPUT = ("colmenaHive",)


def nodes_of(data: t.Any, origin: Origin) -> tuple[Node, ...]:
    """Return the nodes of a hive that can be reached; colmena keeps the others for `apply-local`."""
    return tuple(
        _node(name, deployment, data["evaluated"], origin)
        for name, deployment in data["nodes"].items()
        if deployment.get("targetHost") is not None
    )


def _node(name: str, deployment: dict[str, t.Any], evaluated: bool, origin: Origin) -> Node:
    check = Check(f"node {shown(name)}")
    user = check.text("deployment.targetUser", deployment.get("targetUser"))
    port = check.port("deployment.targetPort", deployment.get("targetPort"))
    variables = ssh_variables(check.texts("deployment.sshOptions", deployment.get("sshOptions")))
    port_option = variables.pop("ansible_port", None)
    if check.flag("deployment.buildOnTarget", deployment.get("buildOnTarget")):
        variables["deploy_build_on"] = "target"
    address = check.text("deployment.targetHost", deployment["targetHost"])
    if address is None:
        raise check.failure("deployment.targetHost is null: it is deployed to no other machine, and not a host")
    return Node(
        name=name,
        platform="nixos",
        address=address,
        # colmena tells ssh its options first, and ssh takes the first port that it is told.
        port=port_option or port,
        user=user,
        become_user=become_user_of("nixos", user),
        tags=tuple(dict.fromkeys(check.texts("deployment.tags", deployment.get("tags")))),
        configuration=name,
        flake=origin.flake,
        # What a raw hive makes of its nodes only colmena can say: the flake must have the configuration, too.
        attr=attribute_path((*(origin.attribute or OUTPUT), "nodes", name, *platforms()["nixos"].built), check)
        if evaluated
        else built_attribute("nixos", name, check),
        keys=keys_of(check, name, deployment.get("keys"), origin),
        variables=variables,
        data={
            "name": name,
            "platform": "nixos",
            "deployment": {option: value for option, value in deployment.items() if option != "keys"},
        },
    )


# The deployment options of every node. An evaluated hive has them; a raw one is evaluated as colmena does it, with all
# of its modules, since any of them may set a deployment option. Of a key's text it is only told that there is one: what
# an inventory holds is printed, and kept in caches and databases.
_HIVE = r"""
  { outputs, value }:
  let
    hive = if value != null then value else outputs.colmenaHive or (outputs.colmena or null);
    evaluated = isAttrs hive && hive ? deploymentConfig;
    factsOfKey = key: removeAttrs key [ "path" ] // { text = key.text or null != null; };
    facts = name: deployment:
      let where = "node ${name}"; in
      at where (plain where (deployment // { keys = mapAttrs (_: factsOfKey) (deployment.keys or { }); }));

    raw = if isFunction hive || hive ? __functor then hive { } else hive;
    meta = raw.meta or (raw.network or { });
    packagesOf = given:
      if isFunction given then given { }
      else if typeOf given == "path" || given ? outPath then packagesOf (import given)
      else given;
    packages = packagesOf (if meta.nixpkgs or null != null then meta.nixpkgs else <nixpkgs>);
    packagesFor = name: if meta ? nodeNixpkgs.${name} then packagesOf meta.nodeNixpkgs.${name} else packages;

    options = { lib, name, ... }:
      let
        inherit (lib) mkOption types;
        option = type: default: mkOption { inherit type default; };
        key = types.submodule ({ name, config, ... }: {
          freeformType = types.attrsOf types.unspecified;
          options = {
            name = option types.str name;
            destDir = option types.str "/run/keys";
            path = option types.str "${config.destDir}/${config.name}";
          };
        });
      in
      {
        options.deployment = mkOption {
          default = { };
          type = types.submodule {
            freeformType = types.attrsOf types.unspecified;
            options = {
              targetHost = option (types.nullOr types.str) name;
              targetPort = option (types.nullOr types.int) null;
              targetUser = option (types.nullOr types.str) "root";
              buildOnTarget = option types.bool false;
              tags = option (types.listOf types.str) [ ];
              sshOptions = option (types.listOf types.str) [ ];
              keys = option (types.attrsOf key) { };
            };
          };
        };
      };
    members = removeAttrs raw [ "meta" "network" "defaults" ];
    nodes = mapAttrs (name: module:
      let own = packagesFor name; in
      import (own.path + "/nixos/lib/eval-config.nix") {
        inherit (own.stdenv.hostPlatform) system;
        modules = [ options (raw.defaults or { }) ] ++ (if isList module then module else [ module ]);
        specialArgs = { inherit name nodes; } // meta.specialArgs or { } // meta.nodeSpecialArgs.${name} or { };
      }) members;
    deployments = if evaluated then hive.deploymentConfig else mapAttrs (_: node: node.config.deployment) nodes;
  in
"""
_EXPRESSION = f"{_HIVE} if hive == null then null else {{ inherit evaluated; nodes = mapAttrs facts deployments; }}"


def text_source(node: str, key: str) -> Source:
    """Return the source that reads nothing of a hive but the text of one key."""
    steps = " ".join(map(string_literal, (node, "keys", key, "text")))
    return dataclasses.replace(SOURCE, expression=f"{_HIVE} select deployments [ {steps} ]")


SOURCE = Source(
    name="colmena",
    looks_for="output colmenaHive or colmena",
    expression=_EXPRESSION,
    nodes=nodes_of,
    files=("hive.nix",),
)
