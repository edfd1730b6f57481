# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at the fleet."""

from __future__ import annotations

import typing as t

from .lab import HOSTS, cut, running

if t.TYPE_CHECKING:
    from .project import Project


def test_status_says_what_every_kind_of_host_runs(deployed: Project) -> None:
    run = deployed.run("nix.fleet.status")
    assert run.rc == 0, run.output
    assert run.hosts(changed=0, failed=0) == set(HOSTS)
    assert running("homelab").system in run.output
    assert run.closing.startswith("7 hosts: 7 settled")


def test_status_shows_an_unreachable_host_among_the_others(deployed: Project) -> None:
    with cut("vps-sg-2"):
        run = deployed.run("nix.fleet.status")
    assert run.hosts(unreachable=1) == {"vps-sg-2"}
    assert run.hosts(failed=0, unreachable=0) == set(HOSTS) - {"vps-sg-2"}
    assert run.closing.startswith("7 hosts: 6 settled, 1 unreachable")
