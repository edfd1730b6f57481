# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""home-manager: one user's home, made active by that user."""

from __future__ import annotations

from .platform import Platform

PLATFORM = Platform(
    "home-manager",
    __file__,
    output="homeConfigurations",
    built=("activationPackage",),
    goals=("switch", "test", "dry-activate"),
    whole_machine=False,
    takes_specialisation=True,
)
