# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A project that the NixOS hosts run, and that the test is to roll a change of out."""

from __future__ import annotations

import typing as t

import pytest

from ..fleet.lab import NIXOS, new_fleet
from ..fleet.project import Project

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module", autouse=True)
def fleet() -> None:
    """Have the NixOS hosts up, as new."""
    new_fleet(*NIXOS)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project that the NixOS hosts run, and whose canary is homelab."""
    copied = Project.copied_to(tmp_path)
    copied.edit("inventory/nodes.nix", "targets.homelab = {", 'tags = [ "canary" ]; targets.homelab = {')
    run = copied.run("nix.fleet.deploy", "-l", ",".join(NIXOS))
    assert run.rc == 0, run.output
    return copied
