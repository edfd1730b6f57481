# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any other profile whose closure has a program that makes it active."""

from __future__ import annotations

from .platform import Platform

PLATFORM = Platform("custom", __file__, goals=("switch",), whole_machine=False, takes_program=True)
