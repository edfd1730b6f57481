# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_builder_info
short_description: Say which remote builders a machine can count on
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Asks remote builders of Nix how they are, all at once, from the machine that the task runs on and in the way in which Nix
    would use them.
  - Nix itself waits for minutes for a builder that is down, and without end for one that hangs. Here it takes seconds.
  - M(nix.fleet.nix_build) does the same before it builds, with O(nix.fleet.nix_build#module:remote_builders).
options:
  builders:
    description:
      - The builders to ask. Each is one of the following.
      - V(nix) for those of the machine's own setting C(builders), and of the files that it names such as C(/etc/nix/machines).
      - The name of an inventory host, which may be followed by the fields that a line of C(/etc/nix/machines) has behind the
        address, such as V(homelab - - 8 1 kvm,big-parallel). Address, user, port and key are those of its variables, the
        system that of C(nix_system).
      - A line as in C(/etc/nix/machines), such as V(ssh-ng://nix@192.0.2.9 x86_64-linux /root/.ssh/builder 8). Its address is
        a URL or has a user, as V(nix@192.0.2.9) has. Any other word that is not the name of an inventory host is an error.
    type: list
    elements: str
    default: [nix]
  timeout:
    description:
      - Seconds that a builder may take to let us in and answer. At least V(1).
    type: int
    default: 5
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.read_only
  - nix.fleet._attributes.actiongroup_nix
requirements:
  - Nix 2.24 or newer on the machine
notes:
  - Where a Nix daemon builds, it is the daemon's user, mostly root, who logs in at builders, with keys and known hosts of
    its own. Run the task as that user (C(become)) to have that asked. Otherwise a builder that answers and refuses the login
    counts as usable.
  - No password and no passphrase is ever asked for.
seealso:
  - module: nix.fleet.nix_build
"""

EXAMPLES = r"""
- name: Ask the builders of the controller's own Nix
  nix.fleet.nix_builder_info:
  delegate_to: localhost
  run_once: true
  register: builders

- name: Say who is missing
  ansible.builtin.debug:
    msg: "{{ builders.builders | rejectattr('usable') | map(attribute='cause') | list }}"

- name: Ask a host of the inventory and another machine
  nix.fleet.nix_builder_info:
    builders:
      - homelab - - 8 1 big-parallel
      - ssh-ng://nix@192.0.2.9 aarch64-linux /root/.ssh/builder 4
    timeout: 3
  delegate_to: localhost
  register: builders

- name: Build with those that are there
  nix.fleet.nix_build:
    installables: ["nixpkgs#hello"]
    builders: "{{ builders.usable }}"
  delegate_to: localhost
"""

RETURN = r"""
msg:
  description: How many builders can be used, or why it could not be said.
  returned: always
  type: str
  sample: 1 of 2 builders can be used
usable:
  description: The builders that can be used, as a value of Nix's setting C(builders). Empty if there are none.
  returned: success
  type: str
  sample: "ssh-ng://root@192.0.2.2 x86_64-linux - 8"
usable_count:
  description: How many builders can be used.
  returned: success
  type: int
builders:
  description: Every builder, in the order in which they were named.
  returned: success
  type: list
  elements: dict
  contains:
    store:
      description: The address of its store.
      type: str
      sample: ssh-ng://root@192.0.2.2
    line:
      description: The builder as a line of C(/etc/nix/machines).
      type: str
    state:
      description:
        - V(up) when its Nix answers, V(refused) when the machine answers and does not let us in, V(down) otherwise.
      type: str
      sample: up
    usable:
      description: Whether a build may count on it.
      type: bool
    cause:
      description: Why it is not up. Null if it is.
      type: str
      sample: it has not answered within 5 s
    nix_version:
      description: The version of its Nix, where it says so.
      type: str
      sample: 2.31.2
    trusted:
      description: Whether it trusts us, as it has to in order to take what nobody has signed. Null where it does not say so.
      type: bool
host:
  description: The host that it failed for.
  type: str
  returned: failure
stage:
  description: What failed, in one word.
  type: str
  returned: failure
  sample: nix
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: nix.failed
cause:
  description: Why it could not be said how the builders are.
  returned: failure
  type: str
command:
  description: The command that failed.
  returned: failure of a command
  type: str
log:
  description: The last lines that it printed.
  returned: failure, if it printed something
  type: str
advice:
  description: What to do about it.
  returned: failure, where something can be advised
  type: str
"""
