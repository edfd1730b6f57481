# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project that the NixOS hosts run, and that the test is to roll a change of out."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..fleet.lab import NIXOS, new_fleet
from ..fleet.project import Project


@pytest.fixture(scope="module", autouse=True)
def fleet(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Have the NixOS hosts up, each with a system that it can go back to."""
    new_fleet(*NIXOS)
    run = with_canary(tmp_path_factory.mktemp("first")).run("nix.fleet.deploy", "-l", ",".join(NIXOS))
    assert run.rc == 0, run.output


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project whose canary is homelab; what it makes of the hosts, the test is to roll out."""
    return with_canary(tmp_path)


def with_canary(directory: Path) -> Project:
    copied = Project.copied_to(directory)
    copied.edit("inventory/nodes.nix", "targets.homelab = {", 'tags = [ "canary" ]; targets.homelab = {')
    return copied
