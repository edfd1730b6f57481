# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task for more hosts than there are machines here: what the controller alone spends on a host, as the fleet grows."""

from __future__ import annotations

import typing as t

from ..record import Command, Row, Way
from .evaluation import PLAY

if t.TYPE_CHECKING:
    from ..ground import Ground
    from ..project import Project

NOTHING: dict[str, t.Any] = {**PLAY, "tasks": [{"ansible.builtin.assert": {"that": True}, "delegate_to": "localhost"}]}


def project(ground: Ground, nodes: int) -> Project:
    """Return the project of so many nodes with small configurations, none of which has to be there."""
    made = ground.project(f"many-{nodes}", nodes)
    made.write_playbook("evaluate", [PLAY])
    made.write_playbook("nothing", [NOTHING])
    return made


def prepare(ground: Ground, nodes: int) -> None:
    """Have the revision known."""
    ground.run(ours(ground, nodes))


def ours(ground: Ground, nodes: int) -> Command:
    return project(ground, nodes).play("evaluate")


def nothing(ground: Ground, nodes: int) -> Command:
    return project(ground, nodes).play("nothing")


ROWS = (
    Row(
        name="many-hosts",
        what="the task that evaluates, for nodes of a revision that is known",
        unit="nodes",
        points=(50, 200, 500),
        more=(1000,),
        prepare=prepare,
        memory=True,
        ways=(
            Way("nix.fleet", "us", ours),
            Way("a task of Ansible's own", "bare", nothing),
        ),
    ),
)
