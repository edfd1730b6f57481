# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine becomes one of the fleet, by a stand-in for nixos-anywhere that takes nothing but its recorded options."""

from __future__ import annotations

import json
import pathlib
import sys
import types
import typing as t
from collections.abc import Mapping
from unittest import mock

import pytest

from ..fleet.lab import ROOT, home, new_fleet, on, running
from ..fleet.project import Project, Run

PROGRAM = [sys.executable, str(pathlib.Path(__file__).with_name("nixos_anywhere.py"))]
HOST_KEY = {"ed25519": {"private": "the private key itself", "public": "ssh-ed25519 AAAA web"}}
NONE: Mapping[str, t.Any] = types.MappingProxyType({})
INPUTS = ("nixpkgs", "nix-darwin", "home-manager", "nix-on-droid")


@pytest.fixture(scope="module", autouse=True)
def fleet() -> None:
    """Have machines that nothing was ever deployed to."""
    new_fleet("homelab", "vps-sg-1", "macbook", "workstation")


@pytest.fixture
def project(tmp_path: pathlib.Path) -> Project:
    """Return the project that they are to become members of."""
    return Project.copied_to(tmp_path)


def bootstrap(
    project: Project, host: str, *arguments: str, defaults: Mapping[str, t.Any] = NONE, **variables: t.Any
) -> Run:
    """Run the role on a host."""
    play = {
        "hosts": "all",
        "gather_facts": False,
        "module_defaults": {"nix.fleet.nix_install": {"program": PROGRAM, "ssh_options": [], **defaults}},
        "roles": ["nix.fleet.bootstrap"],
    }
    (project.root / "bootstrap.yml").write_text(json.dumps([play]))
    inputs = {name: f"path:{home() / 'tests/lab/standins' / name}" for name in INPUTS}
    environment = {
        "INTERFACE": str(ROOT / "tests/cases/nixos-anywhere.json"),
        "SSH_CONFIG": str(home() / ".lab/ssh_config"),
        "OVERRIDES": json.dumps(inputs),
    }
    with mock.patch.dict("os.environ", environment):
        return project.run("bootstrap.yml", "-l", host, *arguments, "-e", json.dumps(variables))


def test_a_server_is_installed_with_what_the_inventory_says_and_deployed(project: Project) -> None:
    # Names that have its own in them, as -e bootstrap_erase=... gives them.
    refused = bootstrap(project, "vps-sg-1", bootstrap_erase="vps-sg-10,not-vps-sg-1")
    assert refused.hosts(failed=1) == {"vps-sg-1"}
    assert "its disks would be erased" in refused.output

    consent: dict[str, t.Any] = {"bootstrap_erase": ["vps-sg-1"], "bootstrap_host_keys": HOST_KEY}
    checked = bootstrap(project, "vps-sg-1", "--check", "-vv", **{**consent, "bootstrap_erase": "other, vps-sg-1"})
    assert checked.rc == 0, checked.output
    assert f"{project.root}#vps-sg-1" in checked.output
    assert on("vps-sg-1", "ls -d /nix/var/nix/profiles/system 2>/dev/null || echo none") == "none"

    installed = bootstrap(project, "vps-sg-1", "-vvv", defaults={"files_root": "/persist"}, **consent)
    assert installed.rc == 0, installed.output
    assert "Formatting hard drive with disko" in installed.output
    assert "the private key itself" not in installed.output
    assert "vps-sg-1" in running("vps-sg-1").system
    key = on("vps-sg-1", "cd /persist/etc/ssh; stat -c '%a %U' ssh_host_ed25519_key; cat ssh_host_ed25519_key.pub")
    assert key == "600 root\nssh-ed25519 AAAA web"

    before = running("vps-sg-1")
    # As host_vars go on saying it, though the login was that of the former system.
    again = bootstrap(project, "vps-sg-1", bootstrap_user="ubuntu", **consent)
    assert again.rc == 0, again.output
    assert again.hosts(changed=0) == {"vps-sg-1"}
    assert running("vps-sg-1") == before


@pytest.mark.thorough
def test_a_mac_gets_its_first_generation_when_what_is_in_its_way_is_moved_aside(project: Project) -> None:
    project.edit(
        "nix/platforms/darwin.nix",
        "system.stateVersion = 6;",
        'system.stateVersion = 6; environment.etc.bashrc.text = "ours";',
    )
    on("macbook", "echo theirs >/etc/bashrc")
    refused = bootstrap(project, "macbook")
    assert refused.hosts(failed=1) == {"macbook"}
    on("macbook", "mkdir /etc/profiles.d; echo theirs >/etc/zshrc")
    named = bootstrap(project, "macbook", bootstrap_move_aside=["/etc/zshrc", "/etc/profiles.d"])
    assert "/etc/profiles.d is a directory" in named.output
    # The other file is still in the way.
    refused = bootstrap(project, "macbook", bootstrap_move_aside=["/etc/zshrc"])
    assert refused.hosts(failed=1) == {"macbook"}
    assert on("macbook", "cat /etc/zshrc") == "theirs"
    half = 'system.activationScripts.postActivation.text = "exit 3"; system.stateVersion = 6;'
    project.edit("nix/platforms/darwin.nix", "system.stateVersion = 6;", half)
    failed = bootstrap(project, "macbook", bootstrap_move_aside=["/etc/bashrc"])
    assert failed.hosts(failed=1) == {"macbook"}
    assert on("macbook", "cat /etc/bashrc") == "theirs"
    project.edit("nix/platforms/darwin.nix", half, "system.stateVersion = 6;")
    done = bootstrap(project, "macbook", bootstrap_move_aside=["/etc/bashrc", "/etc/none"])
    assert done.rc == 0, done.output
    assert on("macbook", "cat /etc/bashrc /etc/bashrc.before-nix-darwin") == "ourstheirs"
    again = bootstrap(project, "macbook", bootstrap_move_aside=["/etc/bashrc", "/etc/none"])
    assert again.hosts(changed=0) == {"macbook"}
