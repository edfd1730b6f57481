# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three places to build, chosen by one variable."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from .lab import on, running
from .project import Project


@pytest.mark.parametrize("place", [pytest.param("controller", marks=pytest.mark.thorough), "homelab", "target"])
def test_a_host_is_built_where_the_variable_says(servers: Project, place: str) -> None:
    servers.edit("inventory/nodes.nix", '"shop.example.org"', f'"{secrets.token_hex(4)}.example"')
    run = servers.run("deploy.yml", "-l", "vps-sg-2", "-e", f"deploy_build_on={place}")
    assert run.rc == 0, run.output
    system = running("vps-sg-2").system
    assert system in run.output or run.closing.startswith("1 host: 1 ")
    assert {where for where in ("controller", "homelab") if present(system, where)} == {place} - {"target"}


def present(path: str, place: str) -> bool:
    """Tell whether a store path is in the store of the controller or of a host."""
    if place == "controller":
        return Path(path).exists()
    return on(place, 'test -e "$1" && echo yes || echo no', path) == "yes"
