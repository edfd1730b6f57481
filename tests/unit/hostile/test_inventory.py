# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever stands in an inventory, it is a fleet that cannot be mistaken for commands, or one clear error."""

from __future__ import annotations

import re
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory import colmena, deploy_rs, nodes
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.fleet import Fleet, fleet_of
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.source import Origin

from .values import TREACHEROUS, data, texts

ORIGIN = Origin("nodes.json", "/srv/fleet")
KNOWN = (
    "role platform system configuration hostName ips primaryIp ssh tags profiles name address attr activate profile"
).split()
FIELDS = st.dictionaries(st.sampled_from(KNOWN) | texts, data, max_size=6)
PLAIN = {"ips": ["192.0.2.1"]}


def fleet(inventory: t.Any) -> Fleet:
    return fleet_of(nodes.nodes_of(inventory, ORIGIN))


def check(made: Fleet) -> None:
    """Hold a fleet to what others make command lines, files and patterns of."""
    for name, variables in made.hosts.items():
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._@+-]*", name)
        for variable in ("ansible_host", "ansible_user", "ansible_become_user"):
            value = str(variables.get(variable, "x"))
            assert not value.startswith("-")
            assert not set(value) & set(" \t\r\n\0'\"`$;&|<>(){}!*?#~/=") - {"$"}
            assert "$" not in value[:-1]
        assert not variables["nix_attr"] or not re.search(r"[\x00-\x1f]|\$\{", variables["nix_attr"])
    for group in made.groups:
        assert re.fullmatch(r"\w+", group)
        assert not group[0].isdigit()


@given(inventory=data)
def test_any_data_is_a_fleet_or_an_inventory_error(inventory: t.Any) -> None:
    try:
        check(fleet(inventory))
    except InventoryError as error:
        assert str(error).startswith("inventory: ")
        assert "\x1b" not in str(error)


@settings(max_examples=300)
@given(name=texts, fields=FIELDS)
def test_any_fields_are_a_node_or_an_error_that_names_it(name: str, fields: dict[str, t.Any]) -> None:
    try:
        check(fleet({"nodes": {name: {**PLAIN, **fields}}}))
    except InventoryError as error:
        assert error.cause.startswith(("node ", "tag ", "role ", "platform ", "system "))


@given(name=texts, profile=texts, fields=st.dictionaries(st.sampled_from(KNOWN) | texts, texts, max_size=5))
def test_any_profile_is_a_host_or_an_error(name: str, profile: str, fields: dict[str, t.Any]) -> None:
    try:
        check(fleet({"a": {**PLAIN, "profiles": {profile: {"platform": "nixos", **fields}}}, name: PLAIN}))
    except InventoryError as error:
        assert error.cause.startswith(("node ", "tag ", "system "))


@pytest.mark.parametrize("text", [text for text in TREACHEROUS if text not in ("..", "a" * 10_000, "%h %r")])
@pytest.mark.parametrize(
    "fields",
    [
        lambda text: {"ssh": {"host": text}},
        lambda text: {"primaryIp": text},
        lambda text: {"ips": [text]},
        lambda text: {"hostName": text},
        lambda text: {**PLAIN, "ssh": {"user": text}},
    ],
)
def test_no_address_or_user_can_be_an_option_or_a_command(fields: t.Callable[[str], t.Any], text: str) -> None:
    try:
        check(fleet({"vps-1": fields(text)}))
    except InventoryError as error:
        assert error.cause.startswith("node vps-1: ")


@pytest.mark.parametrize(
    "address", ["vps.example", "192.0.2.1", "2001:db8::1", "fe80::1%eth0", "[2001:db8::1]", "größe"]
)
@pytest.mark.parametrize("user", ["root", "nix-on-droid", "alice@corp.example", "CORP\\alice", "machine$"])
def test_addresses_and_users_as_people_have_them_are_taken(address: str, user: str) -> None:
    check(fleet({"a": {"ips": [address], "ssh": {"user": user}}}))


@given(name=texts, deployment=st.dictionaries(texts | st.sampled_from(["targetHost", "targetUser", "tags"]), data))
def test_a_hive_is_read_as_carefully(name: str, deployment: dict[str, t.Any]) -> None:
    meta = {"allowApplyAll": True, "machinesFile": None}
    given_data = {"raw": False, "meta": meta, "nodes": {name: {"targetHost": "a", **deployment}}}
    try:
        check(fleet_of(colmena.nodes_of(given_data, ORIGIN)))
    except InventoryError as error:
        assert error.cause.startswith(("node ", "tag "))


@given(
    name=texts, profile=texts, given_settings=st.dictionaries(st.sampled_from(["hostname", "sshUser", "user"]), texts)
)
def test_deploy_rs_is_read_as_carefully(name: str, profile: str, given_settings: dict[str, str]) -> None:
    given_data = {
        "settings": {},
        "configurations": {},
        "nodes": {name: {"settings": {"hostname": "a"}, "profiles": {profile: given_settings}}},
    }
    try:
        check(fleet_of(deploy_rs.nodes_of(given_data, ORIGIN)))
    except InventoryError as error:
        assert error.cause.startswith("node ")
