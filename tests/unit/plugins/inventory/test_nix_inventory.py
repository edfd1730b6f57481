# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible is told of a fleet."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.template import Templar

from ansible_collections.nix.fleet.plugins.inventory import nix_inventory
from ansible_collections.nix.fleet.plugins.inventory.nix_inventory import InventoryModule
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.fleet import Fleet

FLEET = Fleet(
    hosts={
        "vps-1": {"ansible_host": "192.0.2.11", "region": "sg", "nix_tags": ["vps"]},
        "vps-2": {"ansible_host": "192.0.2.12", "region": "de", "nix_tags": ["vps", "canary"]},
    },
    groups={"vps": ["vps-1", "vps-2"], "canary": ["vps-2"]},
)


class Plugin(InventoryModule):
    """The plugin with options that no file has to say."""

    def __init__(self, inventory: InventoryData, **options: t.Any) -> None:
        super().__init__()
        BaseInventoryPlugin.parse(self, inventory, DataLoader(), "fleet.nix.yml")
        self.said = {"strict": True, "leading_separator": True, **options}

    def get_option(self, option: str, hostvars: t.Any = None) -> t.Any:
        return self.said.get(option)


def told(fleet: Fleet, inventory: InventoryData | None = None, **options: t.Any) -> InventoryData:
    """Return the inventory that ``fleet`` was added to."""
    inventory = inventory or InventoryData()
    Plugin(inventory, **options).add(fleet)
    return inventory


def test_each_example_of_the_documentation_is_an_inventory_file() -> None:
    documented = set(yaml.safe_load(nix_inventory.DOCUMENTATION)["options"])
    constructed = {"strict", "keyed_groups", "groups", "compose"}
    cached = {"cache", "cache_plugin", "cache_connection"}
    for example in yaml.safe_load_all(nix_inventory.EXAMPLES):
        assert example["plugin"] == InventoryModule.NAME
        assert set(example) <= documented | constructed | cached


def members(inventory: InventoryData, group: str) -> list[str]:
    return [host.name for host in inventory.groups[group].hosts]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("fleet.nix.yml", True),
        ("fleet.nix.yaml", True),
        ("fleet.yml", False),
        ("nodes.nix", False),
        ("no.nix.yml", False),
    ],
)
def test_a_file_is_ours_by_its_name(tmp_path: pathlib.Path, name: str, ours: bool) -> None:
    if not name.startswith("no."):
        (tmp_path / name).touch()
    assert InventoryModule().verify_file(str(tmp_path / name)) is ours


def test_every_node_is_a_host_with_its_variables_in_its_groups() -> None:
    inventory = told(FLEET)
    assert inventory.hosts["vps-1"].get_vars()["region"] == "sg"
    assert members(inventory, "vps") == ["vps-1", "vps-2"]
    assert members(inventory, "canary") == ["vps-2"]


def test_nothing_is_constructed_when_nothing_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_arguments: t.Any, **_options: t.Any) -> None:
        raise AssertionError("an expression for each host costs a millisecond")

    for name in ("_set_composite_vars", "_add_host_to_composed_groups", "_add_host_to_keyed_groups"):
        monkeypatch.setattr(InventoryModule, name, never)
    told(FLEET)


def test_the_users_own_groups_and_variables_are_constructed_of_the_hosts_variables() -> None:
    inventory = told(
        FLEET,
        keyed_groups=[{"key": trusted("region"), "prefix": "region"}],
        groups={"careful": trusted("'canary' in nix_tags")},
        compose={"title": trusted("region | upper")},
    )
    assert members(inventory, "region_sg") == ["vps-1"]
    assert members(inventory, "careful") == ["vps-2"]
    assert inventory.hosts["vps-1"].get_vars()["title"] == "SG"


def test_an_expression_that_fails_leaves_nothing_of_the_fleet_behind() -> None:
    inventory = InventoryData()
    inventory.add_group("earlier")
    inventory.add_host("other", "earlier")
    with pytest.raises(AnsibleError):
        told(FLEET, inventory, groups={"careful": trusted("no.such.variable")})
    assert set(inventory.hosts) == {"other"}
    assert set(inventory.groups) == {"all", "ungrouped", "earlier"}


def test_a_host_that_another_inventory_has_as_a_group_is_refused() -> None:
    inventory = InventoryData()
    inventory.add_group("vps-1")
    with pytest.raises(AnsibleError, match="node vps-1: another inventory has a group of this name"):
        told(FLEET, inventory)
    assert inventory.hosts == {}


def test_a_group_that_another_inventory_has_as_a_host_is_refused() -> None:
    inventory = InventoryData()
    inventory.add_host("vps")
    with pytest.raises(AnsibleError, match="group vps: another inventory has a host of this name"):
        told(FLEET, inventory)


HEADER = "#jinja2:variable_start_string:'[%', variable_end_string:'%]'\n"


@pytest.mark.parametrize("text", ["{{ 1 + 1 }}", "{% if true %}x{% endif %}", "{# x #}", f"{HEADER}[% 1 + 1 %]"])
def test_text_of_the_fleet_is_never_a_template(text: str) -> None:
    variables = told(Fleet(hosts={"a": {"motd": text}}, groups={})).hosts["a"].get_vars()
    assert Templar(DataLoader(), variables=variables).template(trusted("{{ motd }}")) == text


def trusted(expression: str) -> str:
    """Return ``expression`` as it comes out of an inventory file, which is trusted."""
    try:
        from ansible.template import trust_as_template
    except ImportError:
        return expression
    return trust_as_template(expression)
