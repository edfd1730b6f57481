# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that have never been deployed to: evaluation, build, copy and switch of all of them."""

from __future__ import annotations

import typing as t

from ..record import Bar, Command, Row, Way
from . import redeploy

if t.TYPE_CHECKING:
    from ..ground import Ground
    from ..project import Project

# What a person would do without a tool, all hosts side by side: no lock, no rollback, no look at the outcome.
BY_HAND = """
nix build --no-link --print-out-paths $(for host; do echo .#nixosConfigurations.$host.config.system.build.toplevel; done) |
paste -d ' ' - "$HOSTS" |
xargs -P 25 -L 1 sh -euc '
    nix copy --no-check-sigs --to "ssh-ng://$2" "$1"
    ssh $NIX_SSHOPTS "$2" "nix-env -p /nix/var/nix/profiles/system --set $1 && $1/bin/switch-to-configuration switch"
' sh
"""


def project(ground: Ground, hosts: int) -> Project:
    """Return the project of so many hosts."""
    return ground.project(f"first-{hosts}", hosts)


def prepare(ground: Ground, hosts: int) -> None:
    """Build what does not change from round to round."""
    project(ground, hosts).build(hosts)


def anew(ground: Ground, hosts: int) -> None:
    """Give up the hosts for new ones, and have them become what nothing has been built for."""
    ground.up_anew(hosts)
    ground.change(project(ground, hosts))


def deploy(ground: Ground, hosts: int) -> Command:
    return project(ground, hosts).play("deploy")


def by_hand(ground: Ground, hosts: int) -> Command:
    names = ground.names(hosts)
    list_of_hosts = ground.work / "hosts"
    list_of_hosts.write_text("".join(f"{name}\n" for name in names))
    return project(ground, hosts).command("sh", "-euc", BY_HAND, "sh", *names, HOSTS=str(list_of_hosts))


def bare(ground: Ground, hosts: int) -> Command:
    return project(ground, hosts).play("bare")


def colmena(ground: Ground, hosts: int) -> Command:
    return project(ground, hosts).command(*redeploy.colmena(ground, hosts).argv)


def deploy_rs(ground: Ground, hosts: int) -> Command:
    return project(ground, hosts).command(*redeploy.deploy_rs(ground, hosts).argv)


def nixos_rebuild(ground: Ground, hosts: int) -> Command:
    return ground.on_each(hosts, redeploy.NIXOS_REBUILD, directory=project(ground, hosts).root)


ROWS = (
    Row(
        name="first-deployment",
        what="deploy to new hosts: evaluate, build, copy 100 paths of 64 kB (90 % shared) to each, and switch",
        unit="hosts",
        points=(1, 5, 20),
        more=(50,),
        at=20,
        prepare=prepare,
        ways=(
            Way("nix.fleet", "us", deploy, before=anew),
            Way("by hand", "bare", by_hand, before=anew),
            Way("by hand in Ansible", "bare", bare, before=anew),
            Way("colmena", "peer", colmena, before=anew, needs=("colmena",)),
            Way("deploy-rs", "peer", deploy_rs, before=anew, needs=("deploy",)),
            Way("nixos-rebuild-ng", "peer", nixos_rebuild, before=anew, needs=("nixos-rebuild-ng",)),
        ),
        bars=(Bar(0.8, "colmena"), Bar(0.3, "deploy-rs")),
    ),
)
