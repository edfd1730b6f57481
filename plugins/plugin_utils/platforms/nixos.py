# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""NixOS: a whole system, made active by its ``switch-to-configuration``."""

from __future__ import annotations

from .platform import GOALS, Platform

PLATFORM = Platform(
    "nixos",
    __file__,
    output="nixosConfigurations",
    built=("config", "system", "build", "toplevel"),
    escalates=True,
    reboots=True,
    goals=GOALS,
    takes_specialisation=True,
    takes_bootloader=True,
)
