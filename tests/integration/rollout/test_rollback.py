# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole run is taken back by its name, by the targets alone."""

from __future__ import annotations

import re

import pytest

from ..fleet.lab import NIXOS, Running, cut, running
from ..fleet.project import Project
from .changes import change

# The rollout's own undoing stands for these.
pytestmark = pytest.mark.thorough


def state() -> dict[str, Running]:
    return {host: running(host) for host in NIXOS}


def deployed_to(project: Project, limit: str) -> str:
    """Deploy a change and return the name of the run, as its summary says it."""
    change(project)
    run = project.run("nix.fleet.deploy", "-l", limit)
    assert run.rc == 0, run.output
    found = re.search(r"^undo: (.*rollback_to=(before:\S+))$", run.output, re.MULTILINE)
    assert found, run.output
    return found[2]


def test_a_run_is_taken_back_where_it_was_and_nowhere_else(project: Project) -> None:
    before = state()
    run = deployed_to(project, "vps-sg-1,vps-de-1")
    # Neither flake nor builder is of any use now.
    (project.root / "nix/platforms/nixos.nix").write_text("this is no Nix {")
    (project.root / "flake.lock").write_text("nor is this")
    with cut("homelab"):
        back = project.run("nix.fleet.rollback", "-l", "vps", "-e", f"rollback_to={run}")
    assert back.rc == 0, back.output
    assert state() == before
    assert back.hosts(changed=1) == {"vps-sg-1", "vps-de-1"}
    assert "no deployment of /nix/var/nix/profiles/system" in " ".join(back.output.split())
    assert "1 unchanged" in back.closing


def test_a_rollback_of_a_rollback_brings_the_change_back(project: Project) -> None:
    run = deployed_to(project, "vps-sg-1")
    changed = running("vps-sg-1")
    back = project.run("nix.fleet.rollback", "-l", "vps-sg-1", "-e", f"rollback_to={run}")
    again = re.search(r"rollback_to=(before:\S+)$", back.output, re.MULTILINE)
    assert again, back.output
    assert project.run("nix.fleet.rollback", "-l", "vps-sg-1", "-e", f"rollback_to={again[1]}").rc == 0
    assert running("vps-sg-1").system == changed.system
