# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading a large inventory."""

from __future__ import annotations

import json
import typing as t

from ..record import Bar, Command, Row, Way

if t.TYPE_CHECKING:
    from ..ground import Ground
    from ..project import Project

# No list of them is printed: that is not loading.
SHOW = ("ansible-inventory", "--host", "plain-1")


def project(ground: Ground, nodes: int) -> Project:
    """Return the project of so many nodes."""
    return ground.project(f"inventory-{nodes}", nodes)


def prepare(ground: Ground, nodes: int) -> None:
    """Write the same hosts down as JSON, and a single one."""
    place = project(ground, nodes)
    listed = json.loads(ground.run(place.command("ansible-inventory", "--list")))
    variables = listed["_meta"]["hostvars"]
    (place.root / "hosts.json").write_text(json.dumps({"all": {"hosts": variables}}))
    (place.root / "one.json").write_text(json.dumps({"all": {"hosts": {"plain-1": variables["plain-1"]}}}))


def ours(ground: Ground, nodes: int) -> Command:
    return project(ground, nodes).command(*SHOW)


def nix_eval(ground: Ground, nodes: int) -> Command:
    return project(ground, nodes).command("nix", "eval", "--json", "--file", "nodes.nix")


def as_json(ground: Ground, nodes: int) -> Command:
    return project(ground, nodes).command(*SHOW, "-i", "hosts.json", ANSIBLE_INVENTORY_ENABLED="yaml")


def one_host(ground: Ground, nodes: int) -> Command:
    return project(ground, nodes).command(*SHOW, "-i", "one.json", ANSIBLE_INVENTORY_ENABLED="yaml")


ROWS = (
    Row(
        name="inventory",
        what="load an inventory",
        unit="nodes",
        points=(10, 100, 1000),
        more=(5000,),
        at=1000,
        prepare=prepare,
        ways=(
            Way("nix.fleet", "us", ours),
            Way("nix eval", "bare", nix_eval),
            Way("the same as JSON", "bare", as_json),
            Way("ansible, one host", "bare", one_host),
        ),
        bars=(Bar(1.5, "nix eval"),),
    ),
)
