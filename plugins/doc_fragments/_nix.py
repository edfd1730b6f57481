# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)

# The options that several modules hand to Nix itself.
# PRIVATE to the collection: it may change at any time.

from __future__ import annotations


class ModuleDocFragment:
    # For every module that runs Nix.
    DOCUMENTATION = r"""
options:
  nix_options:
    description:
      - Settings of C(nix.conf) for this run only. They reach Nix in E(NIX_CONFIG), after those that are there, and appear
        on no command line.
      - A list becomes its elements separated by spaces, as C(nix.conf) writes it.
    type: dict
    default: {}
notes:
  - Nix is found on E(PATH), which C(environment) can change for a task, on the controller too.
requirements:
  - Nix 2.24 or newer where the module runs it
"""

    # For modules that evaluate a flake or a Nix file.
    SOURCE = r"""
options:
  flake:
    description:
      - The flake to evaluate, a path or any flake reference, without an attribute.
      - A path is taken on the machine where the module runs. On the controller, one that begins with a dot starts at the
        playbook's directory, and one that begins with a tilde at the home directory.
    type: str
  file:
    description:
      - The Nix file to evaluate, instead of a flake. Paths are taken as those of O(flake) are.
      - Files are evaluated impurely, as all of Nix's commands do it.
    type: str
  args:
    description:
      - What the function in O(file) is called with, if it is one. The values are data, never code.
    type: dict
    default: {}
  override_inputs:
    description:
      - Inputs of the flake to replace for this run, by name, each with a flake reference.
      - The lock file is neither read for these inputs nor written.
    type: dict
    default: {}
  impure:
    description:
      - Let the evaluation read environment variables, the current system and paths outside the flake.
      - Configurations of nix-on-droid need this.
    type: bool
    default: false
"""
