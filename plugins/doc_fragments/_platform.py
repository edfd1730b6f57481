# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

# The platforms, for every module that asks for one; each says itself what it does with it.
# PRIVATE to the collection: it may change at any time.

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  platform:
    type: str
    choices: [custom, darwin, nix-darwin, home-manager, nix-on-droid, nixos]
"""
