# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix-on-droid: the environment of one unprivileged user of an Android device."""

from __future__ import annotations

from .platform import Platform

PLATFORM = Platform(
    "nix-on-droid",
    __file__,
    output="nixOnDroidConfigurations",
    built=("activationPackage",),
    # It names the store path of proot-termux-static, which no derivation of its own makes: builtins.storePath.
    impure=True,
)
