# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts a deploy-rs flake has."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.deploy_rs import nodes_of
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.source import Node, Origin


def hosts(
    profiles: dict[str, t.Any],
    node: dict[str, t.Any] | None = None,
    deploy: dict[str, t.Any] | None = None,
    configurations: dict[str, str] | None = None,
) -> dict[str, Node]:
    data = {
        "settings": deploy or {},
        "nodes": {"example": {"settings": {"hostname": "h.example", **(node or {})}, "profiles": profiles}},
        "configurations": configurations or {},
    }
    return {host.name: host for host in nodes_of(data, Origin("flake", "/flake"))}


def test_a_profile_called_system_with_a_configuration_of_the_nodes_name_is_that_system() -> None:
    host = hosts({"system": {"user": "root", "sshUser": "admin"}}, configurations={"example": "nixos"})["example"]
    assert (host.platform, host.profile, host.activate) == ("nixos", None, None)
    assert host.attr == "nixosConfigurations.example.config.system.build.toplevel"
    assert (host.user, host.become_user) == ("admin", "root")


def test_any_other_profile_is_activated_by_the_program_that_deploy_rs_puts_into_it() -> None:
    host = hosts({"hello": {"user": "hello", "sshUser": "hello"}}, configurations={"example": "nixos"})["hello@example"]
    assert (host.platform, host.activate) == ("custom", "deploy-rs-activate")
    assert host.attr == "deploy.nodes.example.profiles.hello.path"
    assert host.become_user is None


def test_profiles_stand_in_the_order_in_which_deploy_rs_deploys_them() -> None:
    profiles: dict[str, t.Any] = {"agent": {}, "home": {}, "system": {}}
    ordered = hosts(profiles, {"profilesOrder": ["system", "home", "gone"]})
    assert {name: host.variables.get("nix_after") for name, host in ordered.items()} == {
        "example": None,
        "home@example": ["example"],
        "agent@example": ["example", "home@example"],
    }
    assert list(ordered) == ["example", "home@example", "agent@example"]
    assert list(hosts(profiles)) == ["agent@example", "home@example", "example"]


@pytest.mark.parametrize("system", [{"user": "root"}, {"user": "alice"}])
def test_a_system_that_is_not_recognised_is_activated_as_deploy_rs_does_it(system: dict[str, t.Any]) -> None:
    configurations = {"example": "nixos"} if system["user"] == "alice" else {}
    host = hosts({"system": system}, configurations=configurations)["example"]
    assert (host.platform, host.activate) == ("custom", "deploy-rs-activate")


@pytest.mark.parametrize(
    ("profile", "settings", "path"),
    [
        ("system", {"user": "root"}, "/nix/var/nix/profiles/system"),
        ("agent", {"user": "root"}, "/nix/var/nix/profiles/per-user/root/agent"),
        ("home", {"user": "alice"}, "per-user/home"),
        ("home", {"user": "alice", "profilePath": "/nix/var/nix/profiles/x"}, "/nix/var/nix/profiles/x"),
    ],
)
def test_a_profile_is_set_where_deploy_rs_sets_it(profile: str, settings: dict[str, t.Any], path: str) -> None:
    (host,) = hosts({profile: settings}).values()
    assert host.profile == path


def test_a_profiles_settings_go_before_its_nodes_and_those_before_the_deployments() -> None:
    deploy = {"sshUser": "d", "user": "d", "remoteBuild": True}
    node = {"sshUser": "n", "user": "n"}
    fleet = hosts({"p": {"sshUser": "p"}, "q": {}, "r": {"user": "r"}}, node, deploy)
    assert [(host.user, host.become_user) for host in fleet.values()] == [("p", "n"), ("n", None), ("n", "r")]
    assert all(host.variables["deploy_build_on"] == "target" for host in fleet.values())


def test_settings_with_an_equivalent_become_variables_and_all_are_kept() -> None:
    settings = {
        **{"fastConnection": True, "autoRollback": False, "magicRollback": True},
        **{"confirmTimeout": 60, "activationTimeout": 300, "sudo": "doas -u"},
    }
    host = hosts({"p": {**settings, "sshUser": "deploy", "user": "root"}})["p@example"]
    assert host.variables == {
        "deploy_substitute_on_destination": False,
        "deploy_rollback_on_failure": False,
        "deploy_confirm": True,
        "deploy_confirm_timeout": 60,
        "deploy_activation_timeout": 300,
        "ansible_become_method": "community.general.doas",
    }
    assert host.ignored == ()
    assert host.data["sudo"] == "doas -u"


@pytest.mark.parametrize(
    ("profile", "node", "message"),
    [
        ({}, {"hostname": None}, "node example, profile p: has no address; deploy-rs wants a hostname"),
        ({}, {"hostname": 7}, "node example, profile p: hostname must be a string"),
        ({"sshUser": ["x"]}, {}, "node example, profile p: sshUser must be a string"),
        ({"sshOpts": "-p 22"}, {}, "node example, profile p: sshOpts must be a list of strings"),
        ({"confirmTimeout": "30"}, {}, "node example, profile p: confirmTimeout must be a number of seconds"),
        ({"remoteBuild": 1}, {}, "node example, profile p: remoteBuild must be a boolean"),
    ],
)
def test_a_setting_of_a_wrong_type_is_told_with_its_profile(
    profile: dict[str, t.Any], node: dict[str, t.Any], message: str
) -> None:
    with pytest.raises(InventoryError) as raised:
        hosts({"p": profile}, node)
    assert message in raised.value.cause
