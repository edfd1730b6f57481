# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines of a real state of Terraform are hosts, by the example that is there to be copied."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from .project import ROOT, Project

EXAMPLE = ROOT / "examples/terraform/state"
# What Terraform 1.11 made of the example.
RECORDED = ROOT / "tests/cases/terraform-state.json"


def applied(project: Project) -> None:
    """Have Terraform or OpenTofu itself make the machines, which takes no provider from elsewhere."""
    program = shutil.which("tofu") or shutil.which("terraform")
    if program is None:
        pytest.skip("there is neither OpenTofu nor Terraform here")
    for words in (["init", "-input=false"], ["apply", "-input=false", "-auto-approve"]):
        environment = {**os.environ, "CHECKPOINT_DISABLE": "1"}
        subprocess.run([program, *words], cwd=project.directory, env=environment, check=True, capture_output=True)


def recorded(project: Project) -> None:
    """Have the state that was made once."""
    shutil.copy(RECORDED, project.directory / "inventory/terraform.tfstate")


@pytest.mark.parametrize("made", [applied, recorded], ids=["applied", "recorded"])
def test_the_machines_of_a_state_are_hosts(project: Project, made: object) -> None:
    shutil.copytree(EXAMPLE, project.directory, dirs_exist_ok=True)
    assert callable(made)
    made(project)
    hosts = Project(project.directory / "inventory").hosts()
    told = {name: (known["ansible_host"], known["region"], known["nix_role"]) for name, known in hosts.items()}
    assert told == {"vps-sg-1": ("192.0.2.11", "sg", "web"), "vps-sg-2": ("192.0.2.12", "sg", "web")}
