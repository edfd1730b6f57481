# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab writes for Ansible and ssh is what they understand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from ansible_collections.nix.fleet.tests.lab.rehearsal.clone import Clone
from ansible_collections.nix.fleet.tests.lab.rehearsal.generated_inventory import (
    ansible_inventory,
    remove_inventory,
    write_inventory,
)
from ansible_collections.nix.fleet.tests.lab.rehearsal.hosts import NAMED_HOSTS, host_named
from ansible_collections.nix.fleet.tests.lab.rehearsal.keys import write_ssh_config


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone whose path needs quoting."""
    root = tmp_path / "it's a clone"
    (root / ".lab/keys").mkdir(parents=True)
    return Clone(root)


def test_the_example_inventory_is_pointed_at_the_lab(clone: Clone) -> None:
    write_inventory(clone, NAMED_HOSTS, 'pass"word')
    written = yaml.safe_load((clone.root / "inventory/group_vars/all/lab.yml").read_text())
    assert sorted(written) == [
        "ansible_control_path_dir",
        "ansible_ssh_common_args",
        "deploy_evaluate_on",
        "deploy_override_inputs",
    ]
    assert sorted(written["deploy_override_inputs"]) == ["home-manager", "nix-darwin", "nix-on-droid", "nixpkgs"]
    assert written["deploy_override_inputs"]["nixpkgs"] == f"path:{clone.root}/tests/lab/standins/nixpkgs"
    secret = clone.root / "inventory/host_vars/macbook/lab.yml"
    assert yaml.safe_load(secret.read_text()) == {"ansible_become_password": 'pass"word'}
    assert secret.stat().st_mode & 0o777 == 0o600


def test_removing_what_was_written_leaves_what_the_user_has(clone: Clone) -> None:
    own = clone.root / "inventory/group_vars/all/policy.yml"
    own.parent.mkdir(parents=True)
    own.write_text("own: true\n")
    write_inventory(clone, NAMED_HOSTS, "password")
    remove_inventory(clone, NAMED_HOSTS)
    files = [path for path in (clone.root / "inventory").rglob("*") if path.is_file()]
    assert files == [own]
    assert not (clone.root / "inventory/host_vars").exists()


def test_hosts_can_be_had_as_an_inventory_in_three_forms(clone: Clone) -> None:
    hosts = [host_named("phone"), host_named("plain-7")]
    from_yaml = yaml.safe_load(ansible_inventory(clone, hosts, "yaml"))
    assert from_yaml["lab"]["hosts"]["phone"] == {
        "ansible_host": "192.0.2.50",
        "ansible_port": 8022,
        "ansible_user": "nix-on-droid",
    }
    from_json = json.loads(ansible_inventory(clone, hosts, "json"))
    assert from_json["_meta"]["hostvars"] == from_yaml["lab"]["hosts"]
    assert "plain-7 ansible_host=203.0.113.7 ansible_port=22 ansible_user=root" in ansible_inventory(
        clone, hosts, "ini"
    )


def test_ssh_is_led_from_every_address_to_the_lab_and_checks_the_hosts_key(clone: Clone) -> None:
    host = host_named("vps-sg-2")
    (clone.state / "keys/vps-sg-2.pub").write_text("ssh-ed25519 AAAA vps-sg-2\n")
    write_ssh_config(clone, [host], {"vps-sg-2": 2222})
    config = clone.ssh_config.read_text()
    where = f"HostName {clone.loopback_address(12)}\n    Port 2222\n"
    for address in host.addresses:
        assert f"Host {address}\n    HostKeyAlias {address}\n    {where}" in config
    assert "StrictHostKeyChecking yes" in config
    known = (clone.state / "known_hosts").read_text().splitlines()
    assert known == [f"{address} ssh-ed25519 AAAA" for address in host.addresses]
