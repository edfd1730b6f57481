# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_activate
short_description: Make a closure what a machine runs, or return to an earlier one
version_added: 0.1.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Activates a NixOS, nix-darwin, nix-on-droid or home-manager closure that is in the store of the target, or any profile
    whose closure has a program that activates it.
  - The work is done on the target by a supervisor that outlives the connection. A restart of the network in the middle, a
    lost link or the end of the controller cannot leave the machine half switched; the module connects again and learns how
    it ended.
  - On its new system the machine waits for a confirmation, which the module brings over a new connection. A machine that
    cannot be reached any more goes back by itself, and is not left on a system that locks everybody out.
  - When activation fails or hangs, the machine returns to exactly the generation and the running system that were recorded
    before it, and the task fails.
  - What already runs and is already the default is left alone, in one short round trip.
  - Each activation is written to a journal on the target, which M(nix.fleet.nix_info) shows.
options:
  closure:
    description:
      - The store path to activate.
      - Exactly one of O(closure) and O(rollback) must be given.
    type: str
  platform:
    description:
      - What kind of closure it is. V(nix-darwin) is another name of V(darwin).
    default: nixos
  profile:
    description:
      - The profile whose generations the closure joins, an absolute path. A path that begins with V(~/) is in the home
        directory of the user who activates.
      - V(per-user/NAME) is the user's profile of this name where deploy-rs has it, in C(/nix/var/nix/profiles/per-user/USER) if
        that is there, else in C(~/.local/state/nix/profiles).
      - The default is the one that the platform's own tools use. O(platform=custom) has none.
    type: str
  activate:
    description:
      - For O(platform=custom), the program that activates the closure, as a path inside it.
      - It runs after the profile has been set, in the closure's directory, and finds the profile's path in the environment
        variable E(PROFILE).
    type: str
  goal:
    description:
      - V(switch) activates the closure now and makes it the default for the next boot.
      - V(boot) only makes it the default, V(test) only activates it, and V(dry-activate) only says what activation would do.
      - Every platform has V(switch), and all but V(custom) have V(dry-activate). V(boot) exists for V(nixos), and V(test)
        for V(nixos) and V(home-manager).
    type: str
    choices: [switch, boot, test, dry-activate]
    default: switch
  rollback:
    description:
      - Instead of a closure, what to return to. It needs nothing but the target.
      - A number is a generation of the profile.
      - V(previous) is the newest generation that is older than the profile's current one, so that a second rollback goes
        back one more.
      - V(before:ID) is what the profile stood at before the deployment with this RV(id), or before the first one
        of the run of Ansible with this RV(run), as the target's journal has it. It is found even if its generation
        has been deleted, as long as its closure is there. A target that had no such deployment, or that went back from it
        by itself, is V(unchanged). A system that merely ran then, by O(goal=test) for example, is not returned to.
      - V(last) is the same for the last other run of Ansible from this controller, by this user and with the same inventory,
        that has changed a host. Said again, it is the same run.
    type: str
  rollback_on_failure:
    description:
      - Whether a failed activation returns to the recorded generation and system. With V(false) it stays as it is, also where
        nobody can reach the machine any more.
    type: bool
    default: true
  failed_units:
    description:
      - What to do when NixOS is activated but some units fail to start (exit code 4).
      - With V(fail) the new system stays, and the task fails and names the units. With V(ignore) it warns. With V(rollback)
        the machine returns to the recorded system and the task fails.
    type: str
    choices: [fail, ignore, rollback]
    default: fail
  activation_timeout:
    description:
      - Seconds after which an activation that has not ended is ended and counts as failed. Returning may take as long again.
    type: int
    default: 600
  lock_timeout:
    description:
      - For how many seconds to wait for another deployment of the machine, or for whoever else holds NixOS's own lock, such as
        C(system.autoUpgrade) or a C(nixos-rebuild) there. Then the task fails, nothing has been touched, and the holder is named.
      - Once the new system runs, the boot loader waits for NixOS's lock as long as an activation may take, and the way back for
        as long as it takes.
    type: int
    default: 60
    version_added: 0.2.0
  no_check:
    description:
      - Whether to activate what the system's own check is against, with O(platform=nixos). NixOS checks before a switch what its
        modules have C(system.preSwitchChecks) for, and what cannot change while it runs (C(system.switch.inhibitors)).
      - With O(platform=darwin), whether to leave nix-darwin's checks, and what is in the way in C(/etc), to the activation itself.
      - A rollback is never checked.
    type: bool
    default: false
    version_added: 0.2.0
  confirm:
    description:
      - Whether the new system stays only when it is confirmed over a new connection. Until then NixOS still boots the old one.
      - With V(now) the module confirms it as soon as it runs. With V(later) the task ends while the machine waits, so that
        other tasks can look at it; M(nix.fleet.nix_confirm) then confirms or cancels it. With V(never) it stays unasked.
      - A machine that waits in vain returns to what it ran before, and the task fails. O(rollback_on_failure) does not change
        that.
      - O(goal=boot) and O(goal=dry-activate) activate nothing that could lock anybody out, and are not asked about.
    type: str
    choices: [now, later, never]
    default: now
  confirm_timeout:
    description:
      - For how many seconds the machine waits for the confirmation. With O(confirm=later), the tasks in between count.
    type: int
    default: 30
  install_bootloader:
    description:
      - Install the boot loader itself again, with O(platform=nixos). Nothing is "unchanged" then.
    type: bool
    default: false
  specialisation:
    description:
      - The specialisation of the closure to activate, with O(platform=nixos) or O(platform=home-manager). The default for the
        next boot is the closure itself.
    type: str
  backup_extension:
    description:
      - With O(platform=home-manager), the ending by which files that are in the way are renamed.
    type: str
  description:
    description:
      - A line about this deployment for the journal.
    type: str
  flake_revision:
    description:
      - The revision that the closure was built from, for the journal.
    type: str
  flake_dirty:
    description:
      - Whether there were uncommitted changes, for the journal.
    type: bool
  source_host:
    description:
      - Where the closure can be looked at for C(--diff) while the target does not have it, which is the case in check mode.
      - V(localhost) is the controller, unless the inventory says otherwise; any host of the inventory can be named.
    type: str
    default: localhost
  query:
    description:
      - Only asks the machine, in one short round trip, whether it runs O(closure) already and keeps it as O(goal) says.
        Nothing is done to it.
      - The RV(outcome) is V(unchanged), with all that this module returns, or V(needed). What only an activation can tell is
        V(needed) too.
      - A closure that is no longer kept from the garbage collector as what was copied to this host is V(needed) as well. That
        is not asked in check mode, nor where O(source_host) is the host itself, which nothing is copied to.
    type: bool
    default: false
    version_added: 0.3.0
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
  - nix.fleet._nix
  - nix.fleet._platform
attributes:
  check_mode:
    support: full
    details:
      - Says what would be done. On NixOS it also runs C(switch-to-configuration dry-activate), if the target has the closure.
  diff_mode:
    support: full
    details:
      - Shows which packages come, go and change their version or size. In check mode, what the dry run of NixOS said follows.
  idempotent:
    support: partial
    details:
      - What runs and is the default already is left alone. With O(rollback=previous) each run goes back once more, with
        O(install_bootloader=true) each run installs it, and units that failed are tried again.
notes:
  - The confirmation over a new connection is one over a new TCP connection where Ansible's connection plugin is ssh. Others
    are reset where they can be.
  - O(platform=nixos) and O(platform=darwin) need root, so C(become) unless the login is root.
  - The journal and the log of the last activation are in C(/var/lib/nix.fleet) for root, and in
    C(~/.local/state/nix.fleet) for others. The host variable C(nix_fleet_state_directory) names another
    directory, for a machine whose C(/var/lib) does not survive a reboot.
  - An activation that ended with failed units is not "unchanged" when it is run again, but tries the units again.
seealso:
  - module: nix.fleet.nix_confirm
  - module: nix.fleet.nix_copy_closure
  - module: nix.fleet.nix_info
"""

EXAMPLES = r"""
- name: Run the new system, and boot it from now on
  nix.fleet.nix_activate:
    closure: /nix/store/3b6zkrrjy2vmwm6y9zf2nmc3d4s4fbbl-nixos-system-vps-25.11
  become: true

- name: Try it until the next boot, and return if a unit fails
  nix.fleet.nix_activate:
    closure: "{{ build.out_path }}"
    goal: test
    failed_units: rollback

- name: Activate a home
  nix.fleet.nix_activate:
    closure: "{{ build.out_path }}"
    platform: home-manager
    backup_extension: before-nix

- name: Activate a service of one's own
  nix.fleet.nix_activate:
    closure: "{{ build.out_path }}"
    platform: custom
    profile: /nix/var/nix/profiles/website
    activate: bin/activate

- name: Run it, and let it stay only if the shop still answers
  block:
    - name: Activate
      nix.fleet.nix_activate:
        closure: "{{ build.out_path }}"
        confirm: later
        confirm_timeout: 60
      register: activation

    - name: Look at the shop
      ansible.builtin.uri:
        url: "http://{{ ansible_host }}/"
      delegate_to: localhost
      when: activation.outcome == 'awaiting'

    - name: Let it stay
      nix.fleet.nix_confirm:
        deployment: "{{ activation.id }}"
      when: activation.outcome == 'awaiting'
  rescue:
    - name: Send it back
      nix.fleet.nix_confirm:
        deployment: "{{ activation.id }}"
        confirmation: cancel
        reason: the shop does not answer
      when: activation.outcome == 'awaiting'

- name: Return to the generation before this one
  nix.fleet.nix_activate:
    rollback: previous

- name: Return to what there was before a run of Ansible
  nix.fleet.nix_activate:
    rollback: before:20260131T115930Z-07c1f3a2

- name: Return to a certain generation of a home
  nix.fleet.nix_activate:
    platform: home-manager
    rollback: "41"
"""

RETURN = r"""
msg:
  description: What became of the machine, or why not, in one sentence.
  type: str
  returned: always
  sample: nixos-system-vps-25.11 runs now and is the default, generation 41 → 42
goal:
  description: The O(goal) that was pursued.
  type: str
  returned: success
  sample: switch
rollback:
  description: The O(rollback) that was asked for, or null. V(last) by the name that it stands for.
  type: str
  returned: success
recorded:
  description: Whether the target's journal has the deployment or run that O(rollback) names. Without one it is V(unchanged).
  type: bool
  returned: success, with O(rollback)
  version_added: 0.2.0
outcome:
  description:
    - How it ended. V(confirmed) is V(activated) and confirmed over a new connection.
    - V(awaiting) runs the new system and waits for M(nix.fleet.nix_confirm), with O(confirm=later).
    - Everything but these, V(unchanged) and V(needed) fails the host.
    - V(rolled_back) is back on the recorded generation and system. V(rollback_failed) is neither here nor there.
    - V(failed) stays where the failure left it, because no rollback was wanted or there was nothing to return to.
    - V(superseded) was interrupted or not confirmed, and others have brought the machine to another system since, which was left alone.
    - V(refused) has not touched anything. V(unknown) could not be learned.
    - V(needed) was only asked, with O(query=true), and is not what was asked for, or may not be.
  type: str
  returned: always
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
after:
  description: Of the hosts in the inventory's C(nix_after), those that this run is to activate before this one.
  type: list
  elements: str
  returned: with O(query=true), under a strategy that lets each host go on by itself, if there are any
asked:
  description: When that was, in seconds since 1970.
  type: int
  returned: with RV(after)
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
copied_bytes:
  description: Always 0. It says that nothing is left to be copied from O(source_host).
  type: int
  returned: with O(query=true) and a O(source_host) other than the host itself, when there is nothing to do
  version_added: 0.2.0
boots:
  description:
    - The system that the next boot brings up, as NixOS's boot loader says it (systemd-boot, GRUB, extlinux).
  type: str
  returned: when the target answered; null when that cannot be read
  version_added: 0.2.0
reboot_required:
  description:
    - Whether the kernel, its modules or parameters, the initial ramdisk, the device trees or the interface to init differ
      from what was booted.
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
run:
  description: The name of this run of Ansible, which the journals of all its targets keep.
  type: str
  returned: always
  sample: 20260131T115930Z-07c1f3a2
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
closure_diff:
  description:
    - What changes by package, as a structure, between what ran and what was asked for.
    - Ansible prints it for a host that succeeds. That of a host with failed units is in the result alone.
  type: dict
  returned: with C(--diff), when both closures can be listed
  contains:
    packages:
      description: The packages that come, go or change.
      type: list
      elements: dict
      contains:
        name:
          description: The package.
          type: str
          sample: openssh
        kind:
          description: One of V(added), V(removed), V(upgraded), V(downgraded) and V(resized).
          type: str
        before:
          description: The versions of it in the closure that ran.
          type: list
          elements: str
        after:
          description: The versions of it in the closure that was asked for.
          type: list
          elements: str
        bytes:
          description: By how many bytes it becomes larger.
          type: int
    rebuilt:
      description: What has other content under the same name and version.
      type: list
      elements: str
    bytes:
      description: By how many bytes the closure becomes larger.
      type: int
    bytes_before:
      description: The size of the closure that ran.
      type: int
    bytes_after:
      description: The size of the closure that was asked for.
      type: int
    paths_before:
      description: How many store paths the closure that ran has.
      type: int
    paths_after:
      description: How many store paths the closure that was asked for has.
      type: int
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
  sample: activation.units
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
