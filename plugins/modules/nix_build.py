# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_build
short_description: Build derivations on the machine that the task runs on
version_added: 0.1.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Builds what M(nix.fleet.nix_eval) evaluated, or anything else that C(nix build) takes.
  - Runs where the task runs. C(delegate_to=localhost) builds on the controller, C(delegate_to) with another inventory host on
    that builder, and no delegation on the target itself.
  - A derivation that was evaluated on the controller and is to be built elsewhere is sent there first, over Ansible's own
    connection. The build is that machine's, by its own settings, and what it prints is followed from here.
  - What the store has already is not built.
  - The result is protected from the garbage collector until the next build for the same host.
  - On a terminal, or with C(-v), the derivations are named as they are built.
options:
  drv_path:
    description:
      - The derivation to build, all of its outputs.
      - Exactly one of O(drv_path) and O(installables) must be given.
    type: str
  installables:
    description:
      - What to build, as C(nix build) takes it on the machine that builds, such as C(/srv/fleet#web) or C(nixpkgs#hello).
    type: list
    elements: str
  remote_builders:
    description:
      - Remote builders to use, of which those that are down are left out with a warning. Each is the name of an inventory
        host, which may be followed by the fields that a line of C(/etc/nix/machines) has behind the address, such as
        V(homelab - - 8 1 kvm,big-parallel); such a line itself; or V(nix) for those of the machine's own setting.
      - Address, user, port and key of an inventory host are those of its variables, its system that of C(nix_system). Any
        other word without a C(@) or an address is an error.
      - They are asked when there is something to build, once a minute for all hosts that build on the same machine.
      - Where all of them are down, everything is built on the machine itself.
      - By default nobody is asked, and Nix uses its own setting as it is.
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  gc_root:
    description:
      - The link that keeps the result from the garbage collector, an absolute path on the machine that builds, or V(none).
      - The default is named after the host, in C(~/.local/state/nix.fleet/gcroots/built) of the user who builds.
    type: str
extends_documentation_fragment:
  - nix.fleet._nix
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: full
    details:
      - Nothing is built on the host that the task is for. RV(built) and RV(fetched) tell what would be, as far as the machine
        knows without being sent anything.
      - A machine that the task is delegated to builds all the same. That changes no host, and what would be copied and
        activated can only be told of what is there.
  diff_mode:
    support: none
  idempotent:
    support: full
notes:
  - Each host's task builds for itself. Where many hosts build on one machine at the same time, Nix builds what they have in
    common once; C(throttle) on the task limits how many build at a time.
  - O(remote_builders) and most of O(nix_options) need a user whom the Nix daemon trusts. Where the task runs with C(become), the
    module sees to that.
  - Where a Nix daemon builds, it is the daemon's user, mostly root, who logs in at builders, with keys and known hosts of its
    own. Without C(become), a builder that answers and refuses the login counts as usable.
seealso:
  - module: nix.fleet.nix_eval
  - module: nix.fleet.nix_copy_closure
"""

EXAMPLES = r"""
- name: Evaluate on the controller
  nix.fleet.nix_eval:
    flake: "{{ nix_flake }}"
    attr: "{{ nix_attr }}"
    whole_play: true
  delegate_to: localhost
  register: evaluated

- name: Build on the controller
  nix.fleet.nix_build:
    drv_path: "{{ evaluated.drv_path }}"
  delegate_to: localhost
  register: system

- name: Build on another inventory host
  nix.fleet.nix_build:
    drv_path: "{{ evaluated.drv_path }}"
    nix_options:
      cores: 4
  delegate_to: homelab

- name: Build on the target itself
  nix.fleet.nix_build:
    drv_path: "{{ evaluated.drv_path }}"

- name: Build on the controller and on those builders that are there
  nix.fleet.nix_build:
    drv_path: "{{ evaluated.drv_path }}"
    remote_builders:
      - homelab - - 8 1 big-parallel
      - ssh-ng://nix@192.0.2.9 aarch64-linux /root/.ssh/builder 4
  delegate_to: localhost

- name: Build two packages of a flake, and both even if one fails
  nix.fleet.nix_build:
    installables:
      - "{{ playbook_dir }}#hello"
      - "{{ playbook_dir }}#world"
    nix_options:
      keep-going: true
    gc_root: none
  delegate_to: localhost
"""

RETURN = r"""
msg:
  description: What was built, or why not, in one sentence.
  returned: always
  type: str
  sample: "built nixos-system-web-25.11 (derivations built: 3, paths fetched: 12)"
out_path:
  description: The store path that was built, its output C(out) if it has several.
  returned: success
  type: str
  sample: /nix/store/9yqm3hbgkj5x5hvr0b4vdmpr2vh4cwzf-nixos-system-web-25.11
out_paths:
  description: The same for each of O(installables).
  returned: success
  type: list
  elements: str
outputs:
  description: Every output of the derivation by its name, of the first one of O(installables).
  returned: success
  type: dict
  sample:
    out: /nix/store/9yqm3hbgkj5x5hvr0b4vdmpr2vh4cwzf-nixos-system-web-25.11
drv_path:
  description: The derivation that was built.
  returned: success
  type: str
built:
  description: How many derivations were built.
  returned: success
  type: int
built_derivations:
  description: Which derivations were built.
  returned: success
  type: list
  elements: str
fetched:
  description: How many store paths were fetched from a binary cache.
  returned: success
  type: int
seconds:
  description: How long it took.
  returned: success
  type: float
host:
  description: The host that it failed for.
  type: str
  returned: failure
stage:
  description: What failed, in one word.
  type: str
  returned: failure
  sample: build
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: build.failed
cause:
  description: Which derivation did not build, and why.
  returned: failure
  type: str
  sample: "nginx-1.28 did not build: builder failed with exit code 1"
failed_derivations:
  description: The derivations that failed, without those that only depend on them.
  returned: failure of a build
  type: list
  elements: str
command:
  description: The command that failed, as it is given on the machine that builds.
  returned: failure of a command
  type: str
log:
  description: The last lines of the failed derivation's own log.
  returned: failure, if it printed something
  type: str
advice:
  description: What to do about it.
  returned: failure, where something can be advised
  type: str
"""
