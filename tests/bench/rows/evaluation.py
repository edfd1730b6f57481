# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluating a fleet whose modules declare thousands of options."""

from __future__ import annotations

import os
import typing as t

from ..project import HEAVY, NONE
from ..record import Bar, Command, Row, Way

if t.TYPE_CHECKING:
    from ..ground import Ground
    from ..project import Project

UNCACHED = ("--option", "eval-cache", "false")
ALL = "builtins.mapAttrs (_: system: system.config.system.build.toplevel.drvPath)"
PLAY: dict[str, t.Any] = {
    "hosts": "all",
    "gather_facts": False,
    "strategy": "host_pinned",
    "tasks": [
        {
            "nix.fleet.nix_eval": {
                "flake": "{{ nix_flake }}",
                "attr": "{{ nix_attr }}",
                "whole_play": True,
            },
            "delegate_to": "localhost",
        }
    ],
}


def project(ground: Ground, nodes: int) -> Project:
    """Return the project of so many nodes, none of which has to be there."""
    # A real NixOS has enough to evaluate of its own.
    made = ground.project(f"evaluation-{nodes}", nodes, NONE if os.environ.get("LAB_NIXPKGS") else HEAVY)
    made.write_playbook("evaluate", [PLAY])
    return made


def change(ground: Ground, nodes: int) -> None:
    """Have nobody know the revision yet."""
    ground.change(project(ground, nodes))


def ours(ground: Ground, nodes: int) -> Command:
    return project(ground, nodes).play("evaluate")


def one_process(ground: Ground, nodes: int) -> Command:
    return project(ground, nodes).command("nix", "eval", "--json", *UNCACHED, ".#nixosConfigurations", "--apply", ALL)


def separately(ground: Ground, nodes: int) -> Command:
    attribute = ".#nixosConfigurations.$host.config.system.build.toplevel.drvPath"
    script = f"for host; do nix eval --raw {' '.join(UNCACHED)} {attribute}; done"
    return project(ground, nodes).command("sh", "-euc", script, "sh", *ground.names(nodes))


def nix_eval_jobs(ground: Ground, nodes: int) -> Command:
    return project(ground, nodes).command("nix-eval-jobs", "--workers", "2", "--flake", ".#toplevels")


ROWS = (
    Row(
        name="evaluation",
        what="evaluate nodes of a module system with 10,000 options and as many packages",
        unit="nodes",
        points=(1, 10, 50),
        more=(200,),
        at=50,
        ways=(
            Way("nix.fleet", "us", ours, before=change),
            Way("one process", "bare", one_process, before=change),
            Way("one process each", "bare", separately, before=change, up_to=50),
            Way("nix-eval-jobs", "peer", nix_eval_jobs, before=change, needs=("nix-eval-jobs",)),
        ),
        bars=(Bar(1.2, "one process"), Bar(0.3, "one process each")),
    ),
)
