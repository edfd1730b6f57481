# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of a project that make every host's configuration another one."""

from __future__ import annotations

import secrets

from .project import Project

# What is in each platform's module, and what to add behind it.
EDITS = {
    "nixos": ('time.timeZone = "UTC";', 'environment.etc."{token}".text = "new";'),
    "darwin": ("system.stateVersion = 6;", 'environment.etc."{token}".text = "new";'),
    "home-manager": ('home.sessionVariables.EDITOR = "vi";', 'home.file.".{token}".text = "new";'),
    "nix-on-droid": ("user.gid = node.uid;", 'environment.etc."{token}".text = "new";'),
}


def change_everything(project: Project) -> None:
    """Give every host a file that it has never had."""
    for platform, (old, added) in EDITS.items():
        project.edit(f"nix/platforms/{platform}.nix", old, f"{old} {added.format(token=f'new-{secrets.token_hex(4)}')}")
