# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix-darwin: macOS's settings and services, made active by root."""

from __future__ import annotations

from .platform import Platform

PLATFORM = Platform(
    "darwin",
    __file__,
    output="darwinConfigurations",
    built=("system",),
    escalates=True,
    reboots=True,
    aliases=("nix-darwin",),
)
