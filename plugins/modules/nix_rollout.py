# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_rollout
short_description: Hold hosts back when too many others have failed
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - One host's part in a rollout of several batches. The playbook C(nix.fleet.rollout) uses it, and a playbook of one's own
    can.
  - Ansible ends a run when all hosts of a batch have failed, offline ones included, and at no other number under the
    strategies C(free) and C(host_pinned). In a rollout, a failure is rescued and noted, so that it is this module which
    decides how it goes on; and what was noted is told again in the end, so that Ansible's exit code says it.
  - What the hosts of a run tell each other is kept in the directory that Ansible has for the run.
options:
  stage:
    description:
      - V(begin) comes before a host's deployment. It fails with RV(outcome=held_back) when more hosts than O(max_failed) have
        failed, and waits for the O(pause) otherwise.
      - V(failed), in a C(rescue), notes what the host has failed with.
      - V(look) says how it stands.
      - V(end) fails the host with what it has failed with before, if it has, and is unreachable if it was.
    type: str
    choices: [begin, failed, look, end]
    required: true
  max_failed:
    description:
      - With O(stage=begin), how many hosts may fail, as a number or a percentage of the play's hosts.
      - Hosts that cannot be reached do not count.
      - The default is V(0). No other stage takes it.
    type: str
  pause:
    description:
      - With O(stage=begin), how many seconds lie between two batches.
      - The default is V(0). No other stage takes it.
    type: int
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.read_only
  - nix.fleet._attributes.actiongroup_nix
seealso:
  - module: nix.fleet.nix_activate
"""

EXAMPLES = r"""
- name: Roll out
  hosts: role_web
  gather_facts: false
  strategy: host_pinned
  serial: [1, "50%"]
  ignore_unreachable: true
  tasks:
    - name: Deploy
      block:
        - name: Begin, unless too many have failed
          nix.fleet.nix_rollout:
            stage: begin
            max_failed: "10%"
            pause: 60

        - name: Deploy
          ansible.builtin.import_role:
            name: nix.fleet.deploy
      rescue:
        - name: Note that it failed
          nix.fleet.nix_rollout:
            stage: failed

- name: Say how it ended
  hosts: role_web
  gather_facts: false
  strategy: host_pinned
  tasks:
    - name: Fail what has failed
      nix.fleet.nix_rollout:
        stage: end
"""

RETURN = r"""
msg:
  description: How many have failed, or what this host has failed with.
  type: str
  returned: always
run:
  description: The name of this run of Ansible, which the journals of all its targets keep.
  type: str
  returned: success
  sample: 20260131T115930Z-07c1f3a2
standing:
  description: V(failed), V(held_back) or V(unreachable) if that is what was noted of this host, else null.
  type: str
  returned: success
failures:
  description: How many hosts have failed so far.
  type: int
  returned: success
stopped:
  description: Whether these are too many.
  type: bool
  returned: success
outcome:
  description: V(held_back) for a host that was not to begin any more; with O(stage=end), whatever the failed task had.
  type: str
  returned: failure
host:
  description: The host that it failed for.
  type: str
  returned: failure
stage:
  description: What failed, in one word.
  type: str
  returned: failure
  sample: rollout
cause:
  description: Why it failed, in one sentence.
  type: str
  returned: failure
advice:
  description: What to do next.
  type: str
  returned: failure, where something can be advised
"""
