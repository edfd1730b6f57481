# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the first host waits while a heavy evaluation is still under way for the others."""

from __future__ import annotations

import typing as t

from ..project import AS_NIXOS
from ..record import Bar, Command, Measured, Row, Way
from .evaluation import PLAY

if t.TYPE_CHECKING:
    from ..ground import Ground
    from ..measure import Run
    from ..project import Project

OURS, EVALUATED_BEFORE = "nix.fleet", "all evaluated before"
BARRIER: list[dict[str, t.Any]] = [{**PLAY, "strategy": "linear"}, {"import_playbook": "nix.fleet.deploy"}]


def project(ground: Ground, hosts: int) -> Project:
    """Return the project of so many hosts whose configurations take as long as those of NixOS."""
    made = ground.project(f"activated-{hosts}", hosts, AS_NIXOS)
    made.write_playbook("barrier", BARRIER)
    return made


def prepare(ground: Ground, hosts: int) -> None:
    """Have the hosts up, on systems like those to come."""
    ground.up(hosts)
    ground.run(project(ground, hosts).play("deploy"))


def change(ground: Ground, hosts: int) -> None:
    """Give all hosts something to do."""
    ground.change(project(ground, hosts))


def deploy(ground: Ground, hosts: int) -> Command:
    return project(ground, hosts).play("deploy", **ground.traced(OURS))


def barrier(ground: Ground, hosts: int) -> Command:
    return project(ground, hosts).play("barrier", **ground.traced(EVALUATED_BEFORE))


def first(ground: Ground, hosts: int, run: Run) -> Measured:
    return {"first_host_seconds": ground.first_switch(hosts, run.began)}


ROWS = (
    Row(
        name="first-activated",
        what="from the start until the first host has its new system, with a heavy evaluation",
        unit="hosts",
        points=(20,),
        at=20,
        quantity="first_host_seconds",
        prepare=prepare,
        ways=(
            Way(OURS, "us", deploy, before=change, read=first),
            Way(EVALUATED_BEFORE, "bare", barrier, before=change, read=first),
        ),
        bars=(Bar(0.4, EVALUATED_BEFORE, of="first_host_seconds"),),
    ),
)
