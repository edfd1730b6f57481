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

    # For modules that evaluate many hosts at once.
    EVALUATION = r"""
options:
  whole_play:
    description:
      - Whether to evaluate all hosts of the play along with this one, if they have not been yet.
      - Each host's attribute is what the task's own template of O(attr) gives for it. Hosts are evaluated together with this
        one when the task's other options that say what is evaluated, and where, give the same for them.
    type: bool
    default: false
    version_added: 0.2.0
  eval_memory:
    description:
      - How much memory evaluations may take together, in bytes or with a unit, such as V(4G). An evaluator that would need
        more than its share is ended, and another one goes on with the hosts that are left. A host whose evaluation alone
        needs more than all of it fails alone.
      - On the controller, half of what is available by default, by the kernel and the control group's limit, and for as many
        processes as it is enough for, one a CPU at most. Elsewhere there is one process, without a limit by default.
    type: str
    version_added: 0.2.0
  timeout:
    description:
      - Seconds after which one configuration that does not come to an end is given up. The others go on without it.
      - Applies on the controller. Elsewhere use the task's own C(timeout).
    type: int
  revision:
    description:
      - The revisions that O(flake) may be at, each as RV(flake_identity) says it, such as the one that was built and approved.
        Nothing is evaluated of any other, nor of a working tree with changes that are not committed.
      - It is evaluated at exactly this revision, also when a branch moves on meanwhile.
      - What O(override_inputs) and O(impure) bring in is not part of a revision. None for any revision.
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  require_lock:
    description:
      - Whether a flake is refused that has inputs without a revision in its C(flake.lock), but for O(override_inputs). Such a
        flake is warned of in any case.
    type: bool
    default: false
    version_added: 0.3.0
"""
