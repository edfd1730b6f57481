# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_confirm
short_description: Say whether a newly activated system stays
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Confirms or cancels a deployment that M(nix.fleet.nix_activate) left awaiting, with its O(nix.fleet.nix_activate#module:confirm=later).
  - It does so over a new connection, since one that stands says nothing of whether another can be made.
  - A confirmed system becomes the default and stays. A cancelled one is left at once for the one that ran before.
  - When the machine cannot be reached, the module waits until it has gone back by itself, and says so.
options:
  deployment:
    description:
      - The id of the deployment, as M(nix.fleet.nix_activate) returns it.
    type: str
    required: true
  confirmation:
    description:
      - Whether the system is to stay.
    type: str
    choices: [confirm, cancel]
    default: confirm
  reason:
    description:
      - Why it is cancelled, in a line for the people who read the failure and the log on the machine.
    type: str
    default: ""
  failed_units:
    description:
      - Whether a system that stays although units failed to start fails the task, which then names them.
    type: str
    choices: [fail, ignore]
    default: fail
  timeout:
    description:
      - For how many seconds to go on trying to reach a machine that may be going back.
    type: int
    default: 900
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: full
    details:
      - Nothing awaits a confirmation in check mode, so it only says what it would have done.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - A deployment that has ended stays as it ended; the module says how. To confirm one that went back is a failure.
notes:
  - To cancel always fails the task, since the host is not what it was meant to be.
seealso:
  - module: nix.fleet.nix_activate
"""

EXAMPLES = r"""
- name: Let it stay
  nix.fleet.nix_confirm:
    deployment: "{{ activation.id }}"

- name: Send it back
  nix.fleet.nix_confirm:
    deployment: "{{ activation.id }}"
    confirmation: cancel
    reason: the queue no longer drains
"""

RETURN = r"""
msg:
  description: What became of the machine, or why not, in one sentence.
  type: str
  returned: always
  sample: nixos-system-vps-25.11 is confirmed and stays
outcome:
  description:
    - How the deployment ended, in the words of M(nix.fleet.nix_activate). V(confirmed) stays, V(rolled_back) went back.
  type: str
  returned: when the target answered
  sample: confirmed
previous:
  description: What was recorded before the activation.
  type: dict
  returned: when the target answered
  contains:
    generation:
      description: The profile's generation, if it had one.
      type: int
      sample: 41
    closure:
      description: The closure that the profile stood at.
      type: str
    running:
      description: The closure that was active.
      type: str
generation:
  description: The generation that the profile stands at now.
  type: int
  returned: when the target answered
  sample: 42
default:
  description: The closure that the profile stands at now, which is what the next boot activates.
  type: str
  returned: when the target answered
running:
  description: The closure that is active now.
  type: str
  returned: when the target answered
closure:
  description: The closure that was asked for, or that the rollback led to.
  type: str
  returned: when the target answered
profile:
  description: The profile's path.
  type: str
  returned: when the target answered
exit_code:
  description: The exit code of the activation's program.
  type: int
  returned: when the target answered; null when it did not run
units_failed:
  description: The units that failed to start.
  type: list
  elements: str
  returned: when the target answered
reboot_required:
  description: Whether the kernel, its parameters, the initial ramdisk or the interface to init differ from what was booted.
  type: bool
  returned: when the target answered
seconds:
  description: How long it took on the target.
  type: int
  returned: when the target answered; null when nothing was done
journal:
  description: The entry in the target's journal.
  type: dict
  returned: when the target answered; null when nothing was done
id:
  description: The name of this deployment in the journal.
  type: str
  returned: always
  sample: 20260131T120000Z-5f2b9c04
log:
  description:
    - The last lines of what the activation printed.
    - Of a failure, those of the step that failed. What the way back printed follows only when that failed as well.
  type: str
  returned: success, and failure if it printed something
log_file:
  description: The file on the target that has all of it.
  type: str
  returned: when the target answered; null when nothing was done
  sample: /var/lib/nix.fleet/runs/20260131T120000Z-5f2b9c04/log
host:
  description: The host that it failed for.
  type: str
  returned: failure
stage:
  description: What failed, in one word.
  type: str
  returned: failure
  sample: activation
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: activation.rolled_back
cause:
  description: Why it failed, in one sentence.
  type: str
  returned: failure
  sample: "these units failed: nginx.service"
command:
  description: The command that failed.
  type: str
  returned: failure of a command
advice:
  description: What to do next.
  type: str
  returned: failure, where something can be advised
"""
