# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_reboot
short_description: Reboot a machine, and see that it comes back on the right system
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Reboots a NixOS or nix-darwin machine, if that is required, and waits until it is up again.
  - A machine counts as back when it answers over a connection made anew, in another boot than before, has finished its
    start, and runs the system that was the default when it was asked to reboot.
  - A machine that does not come back in time, or comes back on another system, fails the task, which says what was seen.
  - The target needs no Python.
options:
  when:
    description:
      - With V(if_required), the machine is rebooted only if that brings something into use. That is the case when the
        kernel, its modules, the initial ramdisk, the device trees, the kernel's parameters or the interface to init of the
        default system differ from those booted, or when the default system is neither the one that runs nor the one that was
        booted, as it is after an activation with O(nix.fleet.nix_activate#module:goal=boot).
      - With V(always), it is rebooted.
    type: str
    choices: [if_required, always]
    default: if_required
  platform:
    description:
      - What the machine is. V(nix-darwin) is another name of V(darwin).
      - V(nixos) and V(darwin) are what a machine is booted with. The others never require a reboot, and
        O(when=always) is refused for them, since the machine is somebody else's.
    default: nixos
  closure:
    description:
      - The system that the machine must run afterwards.
      - By default, the one that the profile stands at. When the profile stands at another one, nothing is rebooted and the task
        fails.
    type: str
  profile:
    description:
      - The profile that the machine is booted from, an absolute path, which may begin with V(~/). By default, the platform's own.
    type: str
  timeout:
    description:
      - Seconds that the machine has to be up again, after O(delay).
    type: int
    default: 600
  message:
    description:
      - A line for those who are logged in on the machine, and for its log.
    type: str
    default: ""
  delay:
    description:
      - Seconds between O(message) and the reboot. No deployment can begin in that time.
    type: int
    default: 0
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
  - nix.fleet._platform
attributes:
  check_mode:
    support: full
    details:
      - Says whether the machine would be rebooted. When O(closure) is not the default yet, only its kernel and the like are
        compared with what was booted.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - With O(when=if_required). With V(always), each run reboots the machine.
notes:
  - Rebooting needs root, so C(become) unless the login is root.
  - A machine that a deployment is at work on is not rebooted, and the task fails.
  - A system that only runs (O(nix.fleet.nix_activate#module:goal=test)), and a specialisation, are gone after a reboot.
  - The controller itself is not rebooted.
  - Units that fail to start are a warning, and in RV(units_failed).
seealso:
  - module: nix.fleet.nix_activate
  - module: nix.fleet.nix_info
"""

EXAMPLES = r"""
- name: Reboot if a new kernel waits for it
  nix.fleet.nix_reboot:
  become: true

- name: Reboot in a minute, and fail if the machine takes longer than two to come back
  nix.fleet.nix_reboot:
    when: always
    message: This machine reboots in a minute
    delay: 60
    timeout: 120
"""

RETURN = r"""
msg:
  description: What became of the machine, or why not, in one sentence.
  type: str
  returned: always
  sample: rebooted, and runs nixos-system-vps-25.11 again after 41 s
rebooted:
  description: Whether the machine is in another boot than before.
  type: bool
  returned: always, unless the machine did not answer
required:
  description: Whether a reboot was required.
  type: bool
  returned: always, unless the machine did not answer
reasons:
  description:
    - What a reboot brings into use. V(kernel), V(initrd), V(kernel-modules), V(dtbs), V(kernel-params) and
      V(init-interface-version) are parts of the default system that are not those booted; V(system) is a default system that
      neither runs nor was booted.
  type: list
  elements: str
  returned: when the machine answered
  sample: [kernel, kernel-modules]
boot_id:
  description: Which boot the machine was in.
  type: dict
  returned: when the machine answered
  contains:
    before:
      description: Before the reboot.
      type: str
    after:
      description: After it, or null when it was not seen any more.
      type: str
expected:
  description: The system that the machine was to come back on.
  type: str
  returned: when the machine answered
running:
  description: The system that it runs, as last seen.
  type: str
  returned: when the machine answered
units_failed:
  description: The units that failed to start.
  type: list
  elements: str
  returned: when the machine answered
seconds:
  description: How long it took until the machine was up again. Null when it was not rebooted.
  type: float
  returned: when the machine answered
  sample: 41.3
host:
  description: The host that it failed for.
  type: str
  returned: failure
stage:
  description: What failed, in one word.
  type: str
  returned: failure
  sample: reboot
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: reboot.failed
cause:
  description: Why it failed, in one sentence.
  type: str
  returned: failure
  sample: "the machine was not back within 600 s: it cannot be reached: No route to host"
advice:
  description: What to do next.
  type: str
  returned: failure, where something can be advised
log:
  description: What the machine answered, when that was no answer.
  type: str
  returned: failure, if there is something to show
"""
