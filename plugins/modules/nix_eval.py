# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_eval
short_description: Evaluate what is to be built for a host, or any other Nix value
version_added: 0.1.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Evaluates an attribute of a flake or of a Nix file to its derivation, which M(nix.fleet.nix_build) builds, or to the value
    that a function makes of it.
  - Runs where the task runs. For a fleet that is the controller (C(delegate_to=localhost)) or another machine that has Nix
    and the flake.
  - Many hosts are evaluated by few Nix processes, each with what its hosts have in common evaluated once. Whichever host's
    task comes first has all hosts of the play (O(whole_play)) evaluated. On the controller each host goes on as soon as its own result is
    there, while the rest is still being evaluated.
  - Each host has an error of its own. A broken configuration costs one more Nix process, and no other host anything else.
  - A revision that was evaluated before is not evaluated again. The results are kept in C(~/.cache/nix.fleet/evaluation) on
    the controller by the flake's locked content, so that a changed file counts in a dirty working tree too. Impure evaluations,
    files and expressions are only shared among the hosts of one task. All hosts of a task are of the same revision.
options:
  attr:
    description:
      - The attribute to evaluate, as Nix writes it, such as C(nixosConfigurations.web.config.system.build.toplevel). A name
        that contains a dot stands in double quotes.
      - It must be a derivation unless O(apply) is given. With O(apply) or O(expr) and without O(attr), the whole is meant.
    type: str
  expr:
    description:
      - A Nix expression to evaluate to its value, instead of a flake or a file.
    type: str
  apply:
    description:
      - A Nix function of the attribute's value. The module returns its result as RV(value), and no derivation.
    type: str
  send_flake:
    description:
      - Whether O(flake), and each of O(override_inputs), that is a plain path is one of the controller, and is sent to the
        machine that the task runs on. It arrives in that machine's store. The controller needs no Nix for it.
      - In a Git repository these are the files that Git knows of, as they are in the working tree, and the machine evaluates
        them as those of the commit. What is there already is not sent again.
      - Any other flake reference is the machine's to fetch. On the controller there is nothing to send.
    type: bool
    default: false
    version_added: 0.2.0
extends_documentation_fragment:
  - nix.fleet._nix
  - nix.fleet._nix.source
  - nix.fleet._nix.evaluation
  - nix.fleet._attributes
  - nix.fleet._attributes.read_only
  - nix.fleet._attributes.actiongroup_nix
notes:
  - Nothing is written to the flake, its lock file included.
  - O(expr) and O(apply) are code. Everything else, names of hosts and attributes included, reaches Nix as data.
seealso:
  - module: nix.fleet.nix_build
"""

EXAMPLES = r"""
- name: Evaluate every host of the play in one Nix process
  nix.fleet.nix_eval:
    flake: "{{ nix_flake }}"
    attr: "{{ nix_attr }}"
    whole_play: true
    impure: "{{ nix_impure }}"
  delegate_to: localhost
  register: evaluated

- name: Evaluate on another machine what is checked out here, where there may be no Nix
  nix.fleet.nix_eval:
    flake: "{{ nix_flake }}"
    attr: "{{ nix_attr }}"
    whole_play: true
    send_flake: true
  delegate_to: homelab

- name: Evaluate with another nixpkgs than the locked one
  nix.fleet.nix_eval:
    flake: .
    attr: nixosConfigurations.web.config.system.build.toplevel
    override_inputs:
      nixpkgs: github:NixOS/nixpkgs/nixos-unstable
  delegate_to: localhost

- name: Evaluate what was approved, or nothing
  nix.fleet.nix_eval:
    flake: "{{ nix_flake }}"
    attr: "{{ nix_attr }}"
    whole_play: true
    revision: 7627300d0c8b50447f59a0f901d7d26a7ea7ca79
  delegate_to: localhost

- name: Evaluate a plain Nix file that is a function
  nix.fleet.nix_eval:
    file: ./machines.nix
    attr: web.toplevel
    args:
      region: sg
  delegate_to: localhost

- name: Read an option of a configuration
  nix.fleet.nix_eval:
    flake: .
    attr: nixosConfigurations.web.config
    apply: "config: config.networking.firewall.allowedTCPPorts"
  delegate_to: localhost
  register: ports

- name: Evaluate an expression
  nix.fleet.nix_eval:
    expr: "{ a = 1 + 1; }"
  delegate_to: localhost
"""

RETURN = r"""
msg:
  description: What came of it, or why nothing, in one sentence.
  returned: always
  type: str
  sample: nixosConfigurations.web.config.system.build.toplevel evaluates to nixos-system-web-25.11.drv
drv_path:
  description: The derivation that the attribute evaluates to.
  returned: success, without O(apply) and O(expr)
  type: str
  sample: /nix/store/4vs7mqgzzk9khfhlnc3f4qnmg9yb7q4a-nixos-system-web-25.11.drv
out_path:
  description: The store path that it builds. Is null when that depends on its content.
  returned: success, without O(apply) and O(expr)
  type: str
  sample: /nix/store/9yqm3hbgkj5x5hvr0b4vdmpr2vh4cwzf-nixos-system-web-25.11
value:
  description: The value, as JSON can say it.
  returned: success, with O(apply) or O(expr)
  type: raw
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
  description:
    - What stands for exactly these files of the flake, for O(revision) of a later task. The revision, or without a Git
      repository the hash of the files. Is null where changes are not committed.
  returned: success
  type: str
  sample: 7627300d0c8b50447f59a0f901d7d26a7ea7ca79
  version_added: 0.2.0
flake_locked_url:
  description: The flake at exactly this revision.
  returned: success
  type: str
  sample: git+file:///srv/fleet?ref=refs/heads/main&rev=7627300d0c8b50447f59a0f901d7d26a7ea7ca79
cached:
  description: Whether the result was known from an earlier run.
  returned: success
  type: bool
seconds:
  description: How long the host waited for its result.
  returned: success
  type: float
host:
  description: The host whose configuration failed.
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
  description: Nix's own words for what is wrong.
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
