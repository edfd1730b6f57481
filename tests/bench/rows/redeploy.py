# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deploying again what every host runs already."""

from __future__ import annotations

import typing as t

from ..record import Act, Bar, Command, Row, Way

if t.TYPE_CHECKING:
    from ..ground import Ground
    from ..project import Project

# It knows a single host. Without the flag it would first build itself as the host's nixpkgs has it.
NIXOS_REBUILD = 'nixos-rebuild-ng switch --no-reexec --flake ".#$1" --target-host "root@$1"'


def project(ground: Ground, hosts: int) -> Project:
    """Return the project of so many hosts."""
    return ground.project(f"redeploy-{hosts}", hosts)


def prepare(ground: Ground, hosts: int) -> None:
    """Have the hosts up, and deploy once."""
    ground.up(hosts)
    ground.run(deploy(ground, hosts))


def deploy(ground: Ground, hosts: int) -> Command:
    return project(ground, hosts).play("deploy")


def raw(ground: Ground, hosts: int) -> Command:
    return project(ground, hosts).play("raw")


def ssh(ground: Ground, hosts: int) -> Command:
    return ground.on_each(hosts, f"ssh -F {ground.ssh_config} $1 true")


def after_itself(command: t.Callable[[Ground, int], Command]) -> Act:
    """Return what deploys once before it is measured, since another tool may have had the hosts in between."""

    def deployed(ground: Ground, hosts: int) -> None:
        ground.run(command(ground, hosts))

    return deployed


def colmena(ground: Ground, hosts: int) -> Command:
    return project(ground, hosts).command("colmena", "apply", "--parallel", "25")


def deploy_rs(ground: Ground, hosts: int) -> Command:
    return project(ground, hosts).command("deploy", "--skip-checks", "--ssh-opts", f"-F {ground.ssh_config}", ".")


def nixos_rebuild(ground: Ground, hosts: int) -> Command:
    return ground.on_each(hosts, NIXOS_REBUILD, directory=project(ground, hosts).root)


ROWS = (
    Row(
        name="redeploy",
        what="deploy a revision that every host runs already",
        unit="hosts",
        points=(1, 5, 20),
        more=(50,),
        at=20,
        prepare=prepare,
        ways=(
            Way("nix.fleet", "us", deploy, before=after_itself(deploy)),
            Way("ansible raw", "bare", raw),
            Way("parallel ssh", "bare", ssh),
            Way("colmena", "peer", colmena, before=after_itself(colmena), needs=("colmena",)),
            Way("deploy-rs", "peer", deploy_rs, before=after_itself(deploy_rs), needs=("deploy",)),
            Way(
                "nixos-rebuild-ng",
                "peer",
                nixos_rebuild,
                before=after_itself(nixos_rebuild),
                needs=("nixos-rebuild-ng",),
            ),
        ),
        bars=(Bar(1.5, "ansible raw"), Bar(0.5, "colmena")),
    ),
)
