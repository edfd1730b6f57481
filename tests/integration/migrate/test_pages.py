# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each page of docs/migrate is followed to its end, and no machine is switched on the way but by its first run."""

from __future__ import annotations

import pytest

from ..fleet.lab import on, running
from .conftest import Page

pytestmark = pytest.mark.thorough

SYSTEM = (r"(    ssh = \{)", r'    system = "x86_64-linux";\n\1')


def follow(page: Page, hosts: set[str], *edits: tuple[str, str]) -> None:
    """Deploy with the flake as it was, then by a written nodes.nix, then by the outputs that are made of it."""
    page.take("flake.nix")
    page.take("inventory/fleet.nix.yml")
    assert set(page.run("nix.fleet.deploy")) == hosts
    before = {host: running(host) for host in ("vps-sg-1", "vps-sg-2") if host in hosts}
    assert all(host in now.system for host, now in before.items())

    assert page.run("nix.fleet.import", "--check")["localhost"]["changed"] == 1
    assert page.run("nix.fleet.import")["localhost"]["changed"] == 1
    page.take("inventory/fleet.nix.yml")
    again = page.run("nix.fleet.deploy")
    assert set(again) == hosts
    assert not [host for host, counts in again.items() if counts["changed"]]

    page.take("flake.nix")
    page.edit_nodes(SYSTEM, *edits)
    again = page.run("nix.fleet.deploy")
    assert set(again) == hosts
    assert not [host for host, counts in again.items() if counts["changed"]]
    assert {host: running(host) for host in before} == before


@pytest.mark.parametrize("page", ["colmena"], indirect=True)
def test_from_colmena(page: Page) -> None:
    follow(page, {"vps-sg-1", "vps-sg-2"}, (r'\n +nix_attr = "colmenaHive.*', ""))
    # The hive that the adapter makes of the nodes is what the hive was.
    page.use("source: colmena\nflake: ..\n")
    again = page.run("nix.fleet.deploy")
    assert not [host for host, counts in again.items() if counts["changed"]]


@pytest.mark.parametrize("page", ["deploy-rs"], indirect=True)
def test_from_deploy_rs(page: Page) -> None:
    follow(
        page,
        {"vps-sg-1", "hello@vps-sg-1"},
        (r"deploy\.nodes\.vps-sg-1\.profiles\.hello\.path", "packages.x86_64-linux.hello"),
    )
    assert on("vps-sg-1", "cat /run/said") == "Hello, world!"


@pytest.mark.parametrize("page", ["nixos-rebuild"], indirect=True)
def test_from_nixos_rebuild(page: Page) -> None:
    page.take("inventory/group_vars/all/login.yml")
    follow(page, {"vps-sg-1", "vps-sg-2"})
