# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

# How a role hands its variables to a module.
# PRIVATE to the collection: it may change at any time.

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  options_from:
    description:
      - For each of the other options that a variable holds, the name of the variable. It does what a template for each of
        them does, and costs a host less.
      - A variable that is not set, or is empty, holds nothing, and the option is what it is otherwise.
    type: dict
    default: {}
    version_added: 0.2.0
"""
