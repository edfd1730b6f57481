# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of any source, written as a nodes.nix; and in what one fleet is not the other."""

from __future__ import annotations

import typing as t

import hypothesis
import pytest
from hypothesis import strategies as st

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory import colmena, configurations, deploy_rs, nodes
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.fleet import Fleet, fleet_of
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.importing import differences, nodes_data
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.source import Node, Origin

ORIGIN = Origin("flake", "/etc/fleet", reading={"flake": "/etc/fleet", "attribute": ["colmenaHive"]})
IGNORED = frozenset(("nix_node",))

NAMES = st.sampled_from(["web", "db.example", "Mirror-2", "gate_way", "system"])
USERS = st.sampled_from([None, "root", "deploy", "alice"])
OPTIONS = st.lists(st.sampled_from(["-p", "2222", "-o", "ProxyCommand=nc '%h'", "-p22", "-4"]), max_size=4)
FLAGS = st.none() | st.booleans()
DIRECTORIES = st.sampled_from(["/run/keys", "/run/other"])

KEY = st.fixed_dictionaries(
    {"name": st.sampled_from(["token", "tls.key", "a"]), "destDir": DIRECTORIES},
    optional={"user": USERS, "permissions": st.just("0440"), "uploadAt": st.just("post-activation")},
).flatmap(
    lambda key: st.sampled_from(
        [{**key, "text": True}, {**key, "keyFile": "/secret"}, {**key, "keyCommand": ["pass", "show", "x y"]}]
    )
)
DEPLOYMENT = st.fixed_dictionaries(
    {
        "targetHost": st.none() | st.sampled_from(["192.0.2.1", "web.example"]),
        "targetPort": st.none() | st.just(2022),
        "targetUser": USERS,
        "tags": st.lists(st.sampled_from(["vps", "infra-sin", "2nd"]), max_size=3),
        "sshOptions": OPTIONS,
        "buildOnTarget": st.booleans(),
        "keys": st.dictionaries(st.sampled_from(["one", "two", "three"]), KEY, max_size=3),
    }
)
META = st.fixed_dictionaries({"allowApplyAll": st.booleans(), "machinesFile": st.none()})
HIVE = st.fixed_dictionaries(
    {"raw": st.just(False), "meta": META, "nodes": st.dictionaries(NAMES, DEPLOYMENT, max_size=4)}
)

SETTINGS = {
    "sshUser": USERS,
    "user": USERS,
    "sshOpts": OPTIONS,
    "remoteBuild": FLAGS,
    "fastConnection": FLAGS,
    "autoRollback": FLAGS,
    "magicRollback": FLAGS,
    "profilePath": st.sampled_from([None, "/nix/var/nix/profiles/own"]),
}
GENERIC = st.fixed_dictionaries({}, optional=SETTINGS)
DEPLOY = st.fixed_dictionaries(
    {
        "settings": GENERIC,
        "nodes": st.dictionaries(
            NAMES,
            st.fixed_dictionaries(
                {
                    "settings": st.fixed_dictionaries({"hostname": st.just("h.example")}, optional=SETTINGS),
                    "profiles": st.dictionaries(st.sampled_from(["system", "hello", "home"]), GENERIC, max_size=3),
                }
            ),
            max_size=3,
        ),
        "configurations": st.dictionaries(NAMES, st.sampled_from(["nixos", "darwin"]), max_size=4),
    }
)
OUTPUTS = st.fixed_dictionaries(
    {
        output: st.lists(st.sampled_from(names), unique=True, max_size=3)
        for output, names in {
            "nixosConfigurations": ["web", "db.example"],
            "darwinConfigurations": ["mac"],
            "nixOnDroidConfigurations": ["phone", "default"],
            "homeConfigurations": ["alice@desk", "bob", "eve@desk"],
        }.items()
    }
)


def same(hosts: tuple[Node, ...]) -> None:
    """See that ``hosts`` and what is written of them are the same to Ansible."""
    try:
        fleet = fleet_of(hosts)
    except InventoryError:
        hypothesis.reject()
    written = nodes.nodes_of(nodes_data(hosts), Origin("nodes.nix", ORIGIN.flake))
    assert differences(fleet, fleet_of(written), ignored=IGNORED) == ()


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(HIVE)
def test_a_hive(hive: dict[str, t.Any]) -> None:
    same(colmena.nodes_of(hive, ORIGIN))


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(DEPLOY)
def test_the_nodes_of_deploy_rs(deploy: dict[str, t.Any]) -> None:
    same(deploy_rs.nodes_of(deploy, ORIGIN))


@hypothesis.settings(max_examples=30, deadline=None)
@hypothesis.given(OUTPUTS)
def test_bare_configurations(outputs: dict[str, list[str]]) -> None:
    same(configurations.nodes_of(outputs, ORIGIN))


def test_what_does_not_follow_is_said_by_the_name_of_its_variable() -> None:
    profiles = {"system": {"user": "root", "profilePath": "/p"}}
    node = {"settings": {"hostname": "h"}, "profiles": profiles}
    deploy = {"settings": {}, "nodes": {"web": node}, "configurations": {"web": "nixos"}}
    written = nodes_data(deploy_rs.nodes_of(deploy, ORIGIN))["nodes"]["web"]
    assert written == {"ssh": {"host": "h"}, "nix_profile": "/p", "ansible_become_user": "root"}


ONE = Fleet({"a": {"x": 1}, "b": {"x": 2}}, {"vps": ["a", "b"]})


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Fleet({"a": {"x": 1}}, {"vps": ["a"]}), ("host b is missing", "group vps has a, where it had a b")),
        (Fleet({**ONE.hosts, "c": {}}, ONE.groups), ("host c is new",)),
        (Fleet({**ONE.hosts, "a": {"x": 3}}, ONE.groups), ("host a: x is 3, where it was 1",)),
        (Fleet({**ONE.hosts, "a": {"x": True}}, ONE.groups), ("host a: x is true, where it was 1",)),
        (Fleet({**ONE.hosts, "a": {"x": 1.0}}, ONE.groups), ("host a: x is 1.0, where it was 1",)),
        (Fleet({**ONE.hosts, "a": {}}, ONE.groups), ("host a: x is not set, where it was 1",)),
        (Fleet({**ONE.hosts, "a": {"x": 1, "y": None}}, ONE.groups), ("host a: y is null, where it was not set",)),
        (Fleet(ONE.hosts, {}), ("group vps has nobody, where it had a b",)),
    ],
)
def test_each_difference_is_a_sentence(other: Fleet, said: tuple[str, ...]) -> None:
    assert differences(ONE, other) == said
