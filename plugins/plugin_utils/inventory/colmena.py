# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A colmena hive: the output `colmenaHive`. A raw one, which only colmena can evaluate, is refused."""

from __future__ import annotations

import dataclasses
import pathlib
import typing as t

from ..core.errors import InventoryError
from ..nix.command import string_literal
from ..platforms.platform import platforms
from .evaluation import Settings, evaluate
from .place import FlakeOutput, NixFile
from .source import Check, Node, Origin, Source, attribute_path, become_variables, shown, ssh_variables

if t.TYPE_CHECKING:
    from collections.abc import Mapping

# What is called otherwise here, and what colmena has where nothing is said.
KEY_NAMES = {
    "destDir": ("directory", "/run/keys"),
    "user": ("owner", "root"),
    "group": ("group", "root"),
    "permissions": ("mode", "0600"),
    "uploadAt": ("upload_at", "pre-activation"),
}


def keys_of(check: Check, node: str, value: t.Any, origin: Origin) -> tuple[Mapping[str, t.Any], ...]:
    """Return the keys of ``deployment.keys``; a text stays where it is, and is only asked for when it is needed."""
    return tuple(
        _key(Check(f"{check.where}, deployment.keys.{shown(name)}"), node, name, given, origin)
        for name, given in check.set("deployment.keys", value).items()
    )


def _key(check: Check, node: str, attribute: str, value: t.Any, origin: Origin) -> dict[str, t.Any]:
    given = check.whole(value)
    texts = {ours: check.text(theirs, given.get(theirs)) or usual for theirs, (ours, usual) in KEY_NAMES.items()}
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
        **texts,
        **named,
    }


OUTPUT = ("colmenaHive",)


def nodes_of(data: t.Any, origin: Origin) -> tuple[Node, ...]:
    """Return the nodes of a hive that can be reached; colmena keeps the others for `apply-local`."""
    if data["raw"]:
        raise InventoryError(
            "the hive is a raw one, and what its nodes are built of only colmena can say",
            code="raw_hive",
            advice="have the flake offer it evaluated, with colmena among its inputs:"
            " colmenaHive = colmena.lib.makeHive HIVE, where HIVE is the output colmena, or import ./hive.nix with"
            ' meta.nixpkgs = import nixpkgs { system = "x86_64-linux"; }; or read its nixosConfigurations instead:'
            " source: configurations",
        )
    return tuple(
        _broken(name, data["meta"], origin) if deployment is None else _node(name, deployment, data["meta"], origin)
        for name, deployment in data["nodes"].items()
        if deployment is None or deployment.get("targetHost") is not None
    )


def _broken(name: str, meta: dict[str, t.Any], origin: Origin) -> Node:
    """Return a node of which nothing is known but its name: its configuration does not evaluate."""
    check = Check(f"node {shown(name)}")
    return Node(
        name=name,
        platform="nixos",
        address=name,
        configuration=name,
        flake=origin.flake,
        attr=_attribute(name, origin, check),
        broken=True,
        variables=_of_all(meta),
        data={"name": name, "platform": "nixos"},
    )


def _attribute(name: str, origin: Origin, check: Check) -> str:
    return attribute_path((*(origin.attribute or OUTPUT), "nodes", name, *platforms()["nixos"].built), check)


def _of_all(meta: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"deploy_require_limit": True} if meta["allowApplyAll"] is False else {}


def _node(name: str, deployment: dict[str, t.Any], meta: dict[str, t.Any], origin: Origin) -> Node:
    check = Check(f"node {shown(name)}")
    user = check.text("deployment.targetUser", deployment.get("targetUser"))
    port = check.port("deployment.targetPort", deployment.get("targetPort"))
    variables = ssh_variables(check.texts("deployment.sshOptions", deployment.get("sshOptions"))) | _of_all(meta)
    port_option = variables.pop("ansible_port", None)
    if check.flag("deployment.buildOnTarget", deployment.get("buildOnTarget")):
        variables["deploy_build_on"] = "target"
    address = check.text("deployment.targetHost", deployment["targetHost"])
    if address is None:
        raise check.failure("deployment.targetHost is null: it is deployed to no other machine, and not a host")
    command = check.texts("deployment.privilegeEscalationCommand", deployment.get("privilegeEscalationCommand"))
    escalation = become_variables(command) if user != "root" else {}
    local = check.flag("deployment.allowLocalDeployment", deployment.get("allowLocalDeployment"))
    replace = check.flag("deployment.replaceUnknownProfiles", deployment.get("replaceUnknownProfiles"))
    ignored = {
        "meta.machinesFile": meta["machinesFile"] is not None,
        "deployment.allowLocalDeployment": local,
        "deployment.replaceUnknownProfiles = false": replace is False,
        "deployment.privilegeEscalationCommand": escalation is None,
    }
    return Node(
        name=name,
        platform="nixos",
        address=address,
        # colmena tells ssh its options first, and ssh takes the first port that it is told.
        port=port_option or port,
        user=user,
        # colmena escalates for every login that is not said to be root's.
        become_user=None if user == "root" else "root",
        tags=tuple(dict.fromkeys(check.texts("deployment.tags", deployment.get("tags")))),
        configuration=name,
        flake=origin.flake,
        attr=_attribute(name, origin, check),
        keys=keys_of(check, name, deployment.get("keys"), origin),
        variables={**variables, **(escalation or {})},
        ignored=tuple(option for option, asked in ignored.items() if asked),
        data={
            "name": name,
            "platform": "nixos",
            "deployment": {option: value for option, value in deployment.items() if option != "keys"},
        },
    )


# The deployment options of every node of an evaluated hive, null for one that does not evaluate. Of a key's text it is
# only told that there is one: what an inventory holds is printed, and kept in caches and databases.
_EXPRESSION = r"""
  { outputs, value }:
  let
    hive = if value != null then value else outputs.colmenaHive or (outputs.colmena or null);
    evaluated = isAttrs hive && hive ? deploymentConfig;
    meta = { allowApplyAll = true; machinesFile = null; } // hive.metaConfig or { };
    factsOfKey = key: removeAttrs key [ "path" ] // { text = key.text or null != null; };
    facts = name: deployment:
      let
        where = "node ${name}";
        data = plain where (deployment // { keys = mapAttrs (_: factsOfKey) (deployment.keys or { }); });
        tried = at where (tryEval (deepSeq data data));
      in
      if elem name broken || !tried.success then null else tried.value;
  in
  if hive == null then null
  else if !evaluated then { raw = true; }
  else {
    raw = false;
    meta = plain "meta" { inherit (meta) allowApplyAll machinesFile; };
    nodes = mapAttrs facts hive.deploymentConfig;
  }
"""


SOURCE = Source(
    name="colmena",
    looks_for="output colmenaHive",
    expression=_EXPRESSION,
    nodes=nodes_of,
    bare_files=("hive.nix",),
    tells_broken=True,
)


def text_in_hive(hive: Mapping[str, t.Any]) -> str:
    """Return the text of a key, which ``hive`` names as the inventory does; nothing else of the hive is read."""
    place: FlakeOutput | NixFile
    if hive["file"]:
        place = NixFile(pathlib.Path(hive["file"]))
    else:
        place = FlakeOutput(hive["flake"], tuple(hive["attribute"]) if hive["attribute"] else None)
    settings = Settings(override_inputs=hive["override_inputs"] or {}, impure=bool(hive["impure"]))
    steps = " ".join(map(string_literal, (hive["node"], "keys", hive["key"], "text")))
    given = "if value != null then value else outputs.colmenaHive"
    text = f"{{ outputs, value }}: select ({given}).deploymentConfig [ {steps} ]"
    return str(evaluate([dataclasses.replace(SOURCE, expression=text)], place, settings).data)
