# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

# What each module of this collection can and cannot do, in the words of Ansible's documentation.
# PRIVATE to the collection: it may change at any time.

from __future__ import annotations


class ModuleDocFragment:
    # Every module starts with this one. A module states `support` for check_mode, diff_mode and idempotent itself,
    # or takes READ_ONLY as well.
    DOCUMENTATION = r"""
options: {}
attributes:
  action:
    description: Indicates this has a corresponding action plugin, so that parts of it run on the controller.
    support: full
    details:
      - All of it is an action plugin. The target needs a POSIX shell and Nix, and no Python.
  async:
    description: Supports being used with the C(async) keyword.
    support: none
  become:
    description: Is usable alongside C(become) keywords.
    support: full
  connection:
    description: Uses the target's configured connection information to execute code on it.
    support: full
  delegation:
    description: Can be used in conjunction with C(delegate_to) and related keywords.
    support: full
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), in diff mode.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second run changes nothing.
"""

    # With the first one, for modules that look and never touch.
    READ_ONLY = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This action does not modify state.
  diff_mode:
    support: N/A
    details:
      - This action does not modify state.
  idempotent:
    support: full
    details:
      - This action does not modify state.
"""

    # For the members of the action group in meta/runtime.yml.
    ACTIONGROUP_NIX = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/nix.fleet.nix) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - nix.fleet.nix
"""
