# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going back needs the target alone."""

from __future__ import annotations

import secrets
import shutil
import typing as t

import pytest

from .changes import change_everything
from .lab import HOSTS, NIXOS, running

if t.TYPE_CHECKING:
    from .project import Project


@pytest.fixture
def changed(deployed: Project) -> Project:
    """Return a project whose web servers have one generation more than they had."""
    deployed.edit("inventory/nodes.nix", 'greeting = "Hello";', f'greeting = "{secrets.token_hex(4)}";')
    run = deployed.run("deploy.yml", "-l", "vps")
    assert run.rc == 0, run.output
    return deployed


def test_the_previous_generation_comes_back(deployed: Project) -> None:
    before = running("vps-sg-1")
    deployed.edit("inventory/nodes.nix", 'greeting = "Hello";', f'greeting = "{secrets.token_hex(4)}";')
    assert deployed.run("deploy.yml", "-l", "vps-sg-1").rc == 0
    assert running("vps-sg-1") != before
    run = deployed.run("nix.fleet.rollback", "-l", "vps-sg-1")
    assert run.rc == 0, run.output
    assert running("vps-sg-1") == before


def test_any_generation_can_be_named_and_asking_again_changes_nothing(changed: Project) -> None:
    now = running("vps-sg-1")
    wanted = ("-l", "vps-sg-1", "-e", f"rollback_to={now.generation - 1}")
    assert changed.run("nix.fleet.rollback", *wanted).hosts(changed=1) == {"vps-sg-1"}
    assert running("vps-sg-1").generation == now.generation - 1
    assert changed.run("nix.fleet.rollback", *wanted).hosts(changed=0) == {"vps-sg-1"}


def test_a_generation_that_is_not_there_is_told_and_nothing_happens(changed: Project) -> None:
    before = running("vps-sg-1")
    run = changed.run("nix.fleet.rollback", "-l", "vps-sg-1", "-e", "rollback_to=987654")
    assert run.rc == 2
    assert "987654" in run.output
    assert running("vps-sg-1") == before


def test_neither_flake_nor_builder_is_needed(changed: Project) -> None:
    for part in ("flake.nix", "nix"):
        path = changed.root / part
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    run = changed.run("nix.fleet.rollback", "-l", "vps")
    assert run.rc == 0, run.output


def test_every_kind_of_host_goes_back_and_forth(deployed: Project) -> None:
    before = {host: running(host) for host in NIXOS}
    change_everything(deployed)
    assert deployed.run("deploy.yml").hosts(changed=0) == set()
    run = deployed.run("nix.fleet.rollback")
    assert run.rc == 0, run.output
    assert run.hosts(changed=1) == set(HOSTS)
    assert {host: running(host) for host in NIXOS} == before
