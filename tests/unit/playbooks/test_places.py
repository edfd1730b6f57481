# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts a playbook is for, and where one is evaluated and built, when nobody says so."""

from __future__ import annotations

import pathlib
import typing as t

import jinja2.nativetypes
import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from ..playbook import ROOT, run_playbook

PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
GROUPS = {"nix": ["web"], "all": ["web", "router"]}


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda playbook: playbook.stem)
@pytest.mark.parametrize(
    ("variables", "hosts"),
    [({"groups": GROUPS}, "nix"), ({"groups": {"all": []}}, "all"), ({"groups": GROUPS, "fleet_hosts": "web"}, "web")],
)
def test_a_playbook_is_for_the_fleet_alone_or_for_whom_it_is_told(
    playbook: pathlib.Path, variables: dict[str, t.Any], hosts: str
) -> None:
    plays = [play["hosts"] for play in yaml.safe_load(playbook.read_text())]
    # What they write is on the controller, and later plays of a rollout are for groups that its first one makes.
    first = plays[:1] if playbook.stem == "rollout" else [each for each in plays if each != "localhost"]
    assert {jinja2.Template(each).render(**variables) for each in first} <= {hosts}


def test_a_rollout_to_several_groups_comes_to_each_of_their_hosts_once(tmp_path: pathlib.Path) -> None:
    (tmp_path / "hosts").write_text("[web]\na\nb\n[db]\nc\nd\n[canary]\na\nc\nother\n")
    inventory = InventoryManager(DataLoader(), str(tmp_path / "hosts"))
    canaries, batches = (
        jinja2.nativetypes.NativeEnvironment()
        .from_string(play["hosts"])
        .render(groups=inventory.get_groups_dict(), fleet_hosts="web:db")
        for play in yaml.safe_load((ROOT / "playbooks/rollout.yml").read_text())[1:3]
    )
    assert {host.name for host in inventory.get_hosts(canaries)} == {"a", "c"}
    assert {host.name for host in inventory.get_hosts(batches)} == {"b", "d"}


def test_a_host_of_no_nix_inventory_is_told_what_is_missing() -> None:
    done = run_playbook("nix.fleet.deploy", "-i", "somewhere.example,")
    assert done.returncode == 2
    assert "set nix_flake and nix_attr" in " ".join(done.stdout.split())
