# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts a colmena hive has."""

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.colmena import nodes_of
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.source import Node, Origin

from ...errors import fails_with

# What colmena fills in for a node that sets nothing.
DEFAULTS = {
    "allowLocalDeployment": False,
    "buildOnTarget": False,
    "privilegeEscalationCommand": ["sudo", "-H", "--"],
    "replaceUnknownProfiles": True,
    "sshOptions": [],
    "tags": [],
    "targetPort": None,
    "targetUser": "root",
}


META = {"allowApplyAll": True, "machinesFile": None}


def hosts(
    nodes: dict[str, t.Any],
    attribute: tuple[str, ...] | None = None,
    meta: t.Mapping[str, t.Any] = types.MappingProxyType(META),
) -> dict[str, Node]:
    data = {
        "raw": False,
        "meta": dict(meta),
        "nodes": {name: {"targetHost": name, **DEFAULTS, **given} for name, given in nodes.items()},
    }
    return {node.name: node for node in nodes_of(data, Origin("flake", "/flake", attribute))}


def test_a_node_is_reached_and_built_as_colmena_does_it() -> None:
    given = {"targetHost": "somehost.tld", "targetPort": 1234, "targetUser": "luser", "tags": ["web", "infra-lax"]}
    host = hosts({"host-b": given})["host-b"]
    assert (host.address, host.port, host.user, host.become_user) == ("somehost.tld", 1234, "luser", "root")
    assert host.tags == ("web", "infra-lax")
    assert host.attr == "colmenaHive.nodes.host-b.config.system.build.toplevel"
    assert host.platform == "nixos"


def test_a_raw_hive_is_refused_with_what_to_write_instead() -> None:
    with fails_with("inventory.raw_hive") as raised:
        nodes_of({"raw": True}, Origin("flake", "/flake"))
    assert "colmenaHive = colmena.lib.makeHive" in str(raised.value.advice)
    assert "source: configurations" in str(raised.value.advice)


def test_a_node_that_does_not_evaluate_is_a_host_of_which_only_the_name_is_known() -> None:
    (node,) = nodes_of({"raw": False, "meta": META, "nodes": {"web": None}}, Origin("flake", "/flake"))
    assert (node.broken, node.address) == (True, "web")
    assert node.attr == "colmenaHive.nodes.web.config.system.build.toplevel"


@pytest.mark.parametrize(
    ("command", "variables", "ignored"),
    [
        (["sudo", "-H", "--"], {}, ()),
        (["doas"], {"ansible_become_method": "community.general.doas"}, ()),
        (["/run/wrappers/bin/sudo", "--"], {"ansible_become_exe": "/run/wrappers/bin/sudo"}, ()),
        (["sudo", "-E", "--"], {"ansible_become_flags": "-H -S -n -E"}, ()),
        (["sudo", "-u", "root", "--"], {}, ()),
        (["please"], {}, ("deployment.privilegeEscalationCommand",)),
    ],
)
def test_what_a_node_escalates_with_is_ansibles_method(
    command: list[str], variables: dict[str, t.Any], ignored: tuple[str, ...]
) -> None:
    host = hosts({"a": {"targetUser": "deploy", "privilegeEscalationCommand": command}})["a"]
    assert (host.variables, host.ignored, host.become_user) == (variables, ignored, "root")


def test_root_escalates_with_nothing() -> None:
    host = hosts({"a": {"privilegeEscalationCommand": ["please"]}})["a"]
    assert (host.become_user, host.ignored) == (None, ())


def test_a_node_that_does_not_evaluate_has_a_run_without_a_limit_refused_where_the_hive_wants_that() -> None:
    data = {"raw": False, "meta": {**META, "allowApplyAll": False}, "nodes": {"does-not-evaluate": None}}
    (broken,) = nodes_of(data, Origin("flake", "/flake"))
    assert broken.variables == {"deploy_require_limit": True}


def test_options_with_an_equivalent_become_variables() -> None:
    given = {"buildOnTarget": True, "sshOptions": ["-o", "ProxyCommand=nc %h %p", "-p", "99"], "targetPort": 22}
    host = hosts({"a": given})["a"]
    assert host.variables == {"deploy_build_on": "target", "ansible_ssh_common_args": "-o 'ProxyCommand=nc %h %p'"}
    assert host.port == 99


def test_keys_are_told_as_the_module_takes_them_and_a_text_by_where_it_is() -> None:
    given = {"name": "acme", "destDir": "/run/keys", "user": "acme", "group": "nginx", "permissions": "0640"}
    keys = {
        "a": {**given, "keyCommand": ["pass", "acme"], "keyFile": None, "text": False, "uploadAt": "post-activation"},
        "b": {**given, "keyCommand": None, "keyFile": "/secrets/b", "text": False, "uploadAt": "pre-activation"},
        "c": {"text": True},
    }
    data = {"raw": False, "meta": META, "nodes": {"web": {"targetHost": "web", **DEFAULTS, "keys": keys}}}
    (node,) = nodes_of(data, Origin("flake", "/flake", None, {"flake": "/flake"}))
    common = {"name": "acme", "directory": "/run/keys", "owner": "acme", "group": "nginx", "mode": "0640"}
    assert node.keys == (
        {**common, "upload_at": "post-activation", "command": ["pass", "acme"]},
        {**common, "upload_at": "pre-activation", "file": "/secrets/b"},
        {
            **{"name": "c", "directory": "/run/keys", "owner": "root", "group": "root", "mode": "0600"},
            **{"upload_at": "pre-activation", "hive": {"flake": "/flake", "node": "web", "key": "c"}},
        },
    )
    assert "keys" not in node.data["deployment"]


def test_a_user_of_null_is_left_to_ssh_and_escalates() -> None:
    host = hosts({"a": {"targetUser": None}})["a"]
    assert (host.user, host.become_user) == (None, "root")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"targetPort": "22"}, "node a: deployment.targetPort must be an integer"),
        ({"targetHost": ["a"]}, "node a: deployment.targetHost must be a string"),
        ({"targetHost": ""}, "node a: deployment.targetHost must not be empty"),
        ({"tags": "web"}, "node a: deployment.tags must be a list of strings"),
        ({"keys": {"a": {"text": False}}}, "node a, deployment.keys.a: needs one of text, keyFile and keyCommand"),
        ({"buildOnTarget": "yes"}, "node a: deployment.buildOnTarget must be a boolean"),
    ],
)
def test_an_option_of_a_wrong_type_is_told_with_its_node(given: dict[str, t.Any], message: str) -> None:
    with pytest.raises(InventoryError) as raised:
        hosts({"a": given})
    assert message in raised.value.cause
