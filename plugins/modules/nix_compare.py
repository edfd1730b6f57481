# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_compare
short_description: Evaluate what is to be built for a host, and ask the host whether it runs that already
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Does in one task what M(nix.fleet.nix_eval) does on the controller and M(nix.fleet.nix_activate) with
    O(nix.fleet.nix_activate#module:ask=only) does on the host. Most hosts of most runs have nothing to do, and this task is all
    that they need.
  - A host that runs already what is evaluated for it needs no build to know it.
  - Nothing is changed, neither on the controller nor on the host.
options:
  attr:
    description:
      - The attribute to evaluate, a derivation, as for M(nix.fleet.nix_eval).
    type: str
    required: true
  platform:
    description:
      - What kind of closure it is, as for M(nix.fleet.nix_activate).
    type: str
    choices: [custom, darwin, nix-darwin, home-manager, nix-on-droid, nixos]
    default: nixos
  profile:
    description:
      - The profile that is to stand at the closure. The default is the one that the platform's own tools use.
    type: str
  activate:
    description:
      - For O(platform=custom), the program that activates the closure, as a path inside it.
    type: str
  goal:
    description:
      - What the closure is to be on the host, as for M(nix.fleet.nix_activate).
      - With V(build), the host is asked nothing.
    type: str
    choices: [switch, boot, test, dry-activate, build]
    default: switch
  specialisation:
    description:
      - The specialisation of the closure that is to run.
    type: str
  install_bootloader:
    description:
      - Whether the boot loader itself is to be installed again. There is always something to do then.
    type: bool
    default: false
  activation_timeout:
    description:
      - What the activation will be given. Only looked at for what is wrong with it, before anything is evaluated.
    type: int
    default: 600
  confirm_timeout:
    description:
      - What the confirmation will be given. Only looked at for what is wrong with it, before anything is evaluated.
    type: int
    default: 30
  source_host:
    description:
      - The inventory host that would build it. Of a closure that comes from another machine than the host itself, the host must
        also keep it from the garbage collector as what was copied, or there is something to do. That is not asked in check mode.
    type: str
    default: localhost
  ask:
    description:
      - Whether to ask the host. If not, this evaluates and reaches nobody.
    type: bool
    default: true
extends_documentation_fragment:
  - nix.fleet._nix
  - nix.fleet._nix.source
  - nix.fleet._nix.evaluation
  - nix.fleet._options_from
  - nix.fleet._attributes
  - nix.fleet._attributes.read_only
  - nix.fleet._attributes.actiongroup_nix
notes:
  - What can only be found out otherwise counts as something to do.
  - It evaluates on the controller. Where another machine is to evaluate, use M(nix.fleet.nix_eval).
seealso:
  - module: nix.fleet.nix_eval
  - module: nix.fleet.nix_activate
"""

EXAMPLES = r"""
- name: See which hosts do not run what their flake says
  nix.fleet.nix_compare:
    flake: "{{ nix_flake }}"
    attr: "{{ nix_attr }}"
    whole_play: true
    impure: "{{ nix_impure }}"
    platform: "{{ nix_platform }}"
    profile: "{{ nix_profile | default(omit, true) }}"
    activate: "{{ nix_activate | default(omit, true) }}"
  register: compared

- name: Name those that do not
  ansible.builtin.debug:
    msg: "{{ inventory_hostname }} is to run {{ compared.out_path }}"
  when: compared.activation is none or compared.activation.outcome == 'needed'

- name: Ask one host about one configuration
  nix.fleet.nix_compare:
    flake: .
    attr: nixosConfigurations.web.config.system.build.toplevel
"""

RETURN = r"""
msg:
  description: What came of both, or why nothing, in one sentence.
  returned: always
  type: str
  sample: nixosConfigurations.web.config.system.build.toplevel evaluates to nixos-system-web-25.11.drv; there is something to do
activation:
  description:
    - What M(nix.fleet.nix_activate) would return. Its C(outcome) is V(unchanged) where there is nothing to do, and V(needed)
      where there is or may be.
    - Is null where the host was not asked, as for a closure whose store path depends on its content.
  returned: success
  type: dict
  contains:
    outcome:
      description: V(unchanged) or V(needed).
      type: str
      sample: unchanged
asked_seconds:
  description: How long the host took to answer.
  returned: when it was asked, also where that failed
  type: float
drv_path:
  description: The derivation that the attribute evaluates to.
  returned: success
  type: str
  sample: /nix/store/4vs7mqgzzk9khfhlnc3f4qnmg9yb7q4a-nixos-system-web-25.11.drv
out_path:
  description: The store path that it builds. Is null when that depends on its content.
  returned: success
  type: str
  sample: /nix/store/9yqm3hbgkj5x5hvr0b4vdmpr2vh4cwzf-nixos-system-web-25.11
attr:
  description: The attribute that was evaluated.
  returned: success
  type: str
flake_revision:
  description: The revision of the flake, with C(-dirty) appended when the working tree had changes. Without a Git repository
    it is the commit of the job, where a server such as AWX runs this and the flake is part of its project; otherwise null.
  returned: success
  type: str
  sample: 7627300d0c8b50447f59a0f901d7d26a7ea7ca79
flake_dirty:
  description: Whether the flake had changes that are not committed.
  returned: success
  type: bool
flake_identity:
  description: What stands for exactly these files of the flake, as M(nix.fleet.nix_eval) says it.
  returned: success
  type: str
flake_locked_url:
  description: The flake at exactly this revision.
  returned: success
  type: str
cached:
  description: Whether the result was known from an earlier run.
  returned: success
  type: bool
seconds:
  description: How long the host waited for its evaluation.
  returned: success
  type: float
host:
  description: The host that failed.
  returned: failure
  type: str
stage:
  description: What failed, in one word.
  returned: failure
  type: str
  sample: evaluation
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: evaluation.failed
cause:
  description: What is wrong, with an evaluation in Nix's own words.
  returned: failure
  type: str
  sample: "attribute 'foo' missing"
command:
  description: A command that evaluates this host alone.
  returned: failure of Nix
  type: str
log:
  description: What Nix had to say about it.
  returned: failure, if it said something
  type: str
advice:
  description: What to do about it.
  returned: failure, where something can be advised
  type: str
"""
