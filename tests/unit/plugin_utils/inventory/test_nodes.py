# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of nix.fleet's own, in either form, normalised as the Nix library does it."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.nodes import nodes_of, normalise
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.source import Node, Origin


def hosts(data: dict[str, t.Any]) -> dict[str, Node]:
    return {node.name: node for node in nodes_of(data, Origin("nodes.nix", "/flake"))}


def test_a_node_is_a_host_with_the_users_fields_apart() -> None:
    host = hosts({"a": {"ips": ["192.0.2.1"], "ssh": {"port": 2222}, "tags": ["vps"], "region": "sg"}})["a"]
    assert (host.address, host.port, host.tags, host.flake) == ("192.0.2.1", 2222, ("vps",), "/flake")
    assert host.attr == "nixosConfigurations.a.config.system.build.toplevel"
    assert host.fields == {"region": "sg"}
    assert host.data["primaryIp"] == "192.0.2.1"


def test_a_login_without_rights_becomes_root_where_the_platform_needs_it() -> None:
    def becomes(platform: str, user: str | None) -> str | None:
        data = {"a": {"ips": ["192.0.2.1"], "platform": platform, "ssh": {"user": user}, "configuration": "c"}}
        return hosts(data)["a"].become_user

    assert becomes("nixos", "deploy") == "root"
    assert becomes("darwin", "admin") == "root"
    assert becomes("nixos", "root") is None
    assert becomes("nixos", None) is None
    assert becomes("home-manager", "alice") is None
    assert becomes("nix-on-droid", "nix-on-droid") is None


def test_a_custom_node_says_itself_what_is_built_and_run() -> None:
    given = {"platform": "custom", "attr": "packages.x.router", "activate": "bin/go", "profile": "/p", "own": 1}
    host = hosts({"router": {"ips": ["192.0.2.1"], **given}})["router"]
    assert (host.attr, host.activate, host.profile) == ("packages.x.router", "bin/go", "/p")
    assert host.configuration is None
    assert host.fields == {"own": 1}


def test_what_does_not_follow_from_a_node_it_says_by_the_name_of_the_variable() -> None:
    said = {"nix_attr": "colmenaHive.nodes.a", "nix_profile": "/p", "ansible_become_user": "root"}
    host = hosts({"a": {"ips": ["192.0.2.1"], **said}})["a"]
    assert (host.attr, host.profile, host.become_user) == ("colmenaHive.nodes.a", "/p", "root")
    assert host.fields == {}
    with pytest.raises(InventoryError, match="nix_attr must be a string"):
        hosts({"a": {"ips": ["192.0.2.1"], "nix_attr": 1}})


def test_a_further_profile_is_a_host_of_its_own_on_the_same_connection() -> None:
    node = {"ips": ["192.0.2.1"], "ssh": {"port": 22, "user": "root"}, "tags": ["desk"], "region": "sg"}
    profile = {"platform": "home-manager", "user": "alice", "region": "de"}
    fleet = hosts({"a": {**node, "profiles": {"home": profile}}})
    assert list(fleet) == ["a", "home@a"]
    home = fleet["home@a"]
    assert (home.address, home.port, home.user, home.tags) == ("192.0.2.1", 22, "root", ("desk",))
    assert (home.platform, home.attr) == ("home-manager", 'homeConfigurations."alice@a".activationPackage')
    assert home.become_user == "alice"
    assert home.fields == {"region": "de"}


def test_a_profile_of_the_login_user_needs_no_escalation() -> None:
    node = {"ips": ["192.0.2.1"], "ssh": {"user": "alice"}, "profiles": {"home": {"platform": "home-manager"}}}
    assert hosts({"a": node})["home@a"].become_user is None


def test_the_keys_of_a_node_are_told_as_the_module_takes_them() -> None:
    web = {"file": "tls.key", "owner": "nginx", "mode": "0440"}
    token = {"command": ["pass", "token"], "upload_at": "post-activation", "group": None}
    node = hosts({"a": {"ips": ["192.0.2.1"], "keys": {"tls.key": web, "token": token}}})["a"]
    assert node.keys == (
        {"name": "tls.key", **web},
        {"name": "token", "command": ["pass", "token"], "upload_at": "post-activation"},
    )
    assert "keys" not in node.fields


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["ssh-ed25519 AAAA"], "node a: keys must be a set, not a list"),
        ({"x": "secret"}, "node a, key x: must be a set, not a string"),
        ({"x": {"content": "secret"}}, "node a, key x: content is a secret"),
        ({"x": {"fiel": "x"}}, "node a, key x: unknown field fiel"),
        ({"x": {}}, "node a, key x: needs a file or a command"),
        ({"x": {"file": "x", "command": ["y"]}}, "node a, key x: needs a file or a command"),
        ({"x": {"command": "pass x"}}, "node a, key x: command must be a list of strings"),
        ({"x": {"file": "x", "mode": 256}}, "node a, key x: mode must be a string"),
    ],
)
def test_keys_that_cannot_be_brought_are_told_with_their_node(keys: t.Any, message: str) -> None:
    with pytest.raises(InventoryError) as raised:
        hosts({"a": {"ips": ["192.0.2.1"], "keys": keys}})
    assert message in raised.value.cause
    assert "secret" not in raised.value.cause.replace("is a secret", "")


RULES = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted((pathlib.Path(__file__).parents[3] / "cases" / "nodes").glob("*.json"))
}
ACCEPTED = {stem: rule for stem, rule in RULES.items() if "expected" in rule}
REFUSED = {stem: rule for stem, rule in RULES.items() if "error" in rule}


@pytest.mark.parametrize("rule", ACCEPTED.values(), ids=ACCEPTED)
def test_an_inventory_means_the_same_as_to_the_nix_library(rule: dict[str, t.Any]) -> None:
    assert normalise(rule["input"]) == rule["expected"], rule["name"]


@pytest.mark.parametrize("rule", REFUSED.values(), ids=REFUSED)
def test_an_inventory_that_the_nix_library_refuses_is_refused_in_the_same_words(rule: dict[str, t.Any]) -> None:
    with pytest.raises(InventoryError) as raised:
        normalise(rule["input"])
    assert rule["error"] in raised.value.cause, rule["name"]


def test_a_name_that_could_forge_a_message_is_quoted_in_it() -> None:
    with pytest.raises(InventoryError) as raised:
        normalise({"a\nnext: run this": {}})
    assert raised.value.cause.startswith('node "a\\nnext: run this": has no address')
