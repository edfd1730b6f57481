# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that an inventory says is ever run as a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from .lab import on
from .project import Project

pytestmark = pytest.mark.thorough

OWNED = "/tmp/nix-fleet-owned"


def test_names_and_data_are_never_commands(project: Project) -> None:
    add_server(
        project,
        "web-3.a_b+c@example",
        configuration=f"it's; $(touch {OWNED}) `touch {OWNED}`",
        region=f"'; touch {OWNED}; '",
    )
    project.edit("nix/platforms/nixos.nix", "networking.hostName = node.name;", 'networking.hostName = "odd";')
    run = project.run("deploy.yml", "-l", "web-3.a_b+c@example")
    assert run.rc == 0, run.output
    assert not Path(OWNED).exists()
    assert on("vps-sg-2", f"test -e {OWNED} && echo owned || echo well") == "well"
    assert on("homelab", f"test -e {OWNED} && echo owned || echo well") == "well"


def add_server(project: Project, name: str, *, configuration: str, region: str) -> None:
    """Add one more web server, on the machine of vps-sg-2."""
    new = (
        f'targets."{name}" = {{ ips = [ "198.51.100.12" ]; domains = [ ]; '
        f'configuration = "{configuration}"; region = "{region}"; }};'
    )
    project.edit("inventory/nodes.nix", "    targets.vps-sg-1 = {", f"    {new}\n    targets.vps-sg-1 = {{")
