# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that every NixOS host gets, and that some of them cannot activate."""

from __future__ import annotations

import secrets

from ..fleet.project import Project

OLD = 'time.timeZone = "UTC";'


def change(project: Project, *broken: str) -> None:
    """Give every NixOS host a new system; those of ``broken`` fail to activate it."""
    names = " ".join(f'"{name}"' for name in broken)
    script = f'if builtins.elem node.name [ {names} ] then "echo {secrets.token_hex(4)}; false" else "true"'
    project.edit(
        "nix/platforms/nixos.nix",
        OLD,
        f'{OLD} environment.etc.rollout.text = "{secrets.token_hex(4)}"; '
        f"system.activationScripts.rollout.text = {script};",
    )
