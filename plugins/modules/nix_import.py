# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_import
short_description: Write a fleet that is written down for another tool as a nodes.nix
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Reads a fleet from wherever the inventory plugin P(nix.fleet.nix_inventory#inventory) reads one, such as a colmena hive, C(deploy.nodes),
    the bare configurations of a flake, or nodes in JSON or YAML, and writes it down as a C(nodes.nix).
  - Before anything is written, the new file is read back. It gives Ansible the same hosts, groups and variables as the source, but
    for C(nix_node), which repeats the source in its own words. If it did not, the task would fail.
  - Nodes in JSON or YAML, or of a flake's output, keep their roles. Of other sources each host becomes a node.
  - A file that describes the same fleet already stays as it is, in whatever words it does.
  - Runs on the controller, whatever host the task is for.
options: {}
requirements:
  - Nix 2.24 or newer on the controller
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - plugin: nix.fleet.nix_inventory
    plugin_type: inventory
    description: What can be read.
"""

EXAMPLES = r"""
- name: Write down what the run's inventory says
  nix.fleet.nix_import:
  delegate_to: localhost
"""

RETURN = r"""
msg:
  description: What became of the file, or what went wrong, in one sentence.
  returned: always
  type: str
path:
  description: The file.
  returned: success
  type: str
  sample: /etc/fleet/inventory/nodes.nix
source:
  description: How the fleet was written down, a choice of the inventory plugin's option C(source).
  returned: success
  type: str
  sample: colmena
hosts:
  description: How many hosts it has.
  returned: success
  type: int
  sample: 7
stage:
  description: What failed, in one word.
  returned: failure
  type: str
  sample: inventory
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: inventory.failed
cause:
  description: Why.
  returned: failure
  type: str
differences:
  description: In what the file that is there is not the fleet that was read.
  returned: when it is not overwritten
  type: list
  elements: str
  sample: ["host web-2 is missing", "host web-1: ansible_port is 22, not 2222"]
advice:
  description: What to do about it.
  returned: failure, where something can be advised
  type: str
"""
