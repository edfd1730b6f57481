# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_info
short_description: Say what a machine with Nix is and runs
version_added: 0.1.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Describes a target or a builder in one round trip. The machine needs a POSIX shell and Nix, and no Python.
  - Tells which system runs, which one is the default for the next boot, which generations there are, and what the journal
    says of the deployments by M(nix.fleet.nix_activate).
options:
  platform:
    description:
      - The platform whose profile is described. V(nix-darwin) is another name of V(darwin).
      - By default, what the machine is found to be.
  profile:
    description:
      - The profile whose generations are listed. The default is the platform's own.
    type: str
  journal:
    description:
      - How many of the journal's last entries to return.
    type: int
    default: 10
  flake:
    description:
      - The directory of the flake on the controller, to say how far behind it the machine is. It takes Git there, and a repository
        whose history has the revision that was deployed.
      - A path that begins with a dot starts at the playbook's directory. Any other flake reference says nothing of a history.
    type: str
    version_added: 0.2.0
  timeout:
    description:
      - Seconds after which a machine that has not answered counts as unreachable, from the first attempt to connect to the
        last word of the answer. Nothing that was begun for it is left on the controller.
      - Connecting has a limit of its own besides, that of the connection plugin.
    type: int
    default: 1800
    version_added: 0.2.0
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.read_only
  - nix.fleet._attributes.actiongroup_nix
  - nix.fleet._platform
requirements:
  - Nix 2.24 or newer on the machine
notes:
  - The journal belongs to the user who deploys. To see the one of root, use C(become).
seealso:
  - module: nix.fleet.nix_activate
"""

EXAMPLES = r"""
- name: Look at a machine
  nix.fleet.nix_info:
  become: true
  register: machine

- name: Say what would be lost by a reboot
  ansible.builtin.debug:
    msg: "runs {{ machine.current_system }}, boots {{ machine.default }}"
  when: machine.current_system != machine.default

- name: List the generations of a home
  nix.fleet.nix_info:
    platform: home-manager
    journal: 0
"""

RETURN = r"""
msg:
  description: What the machine runs, or why it could not be said.
  type: str
  returned: always
  sample: nixos, generation 42, runs nixos-system-web-25.11
nix_version:
  description: The version of Nix.
  type: str
  returned: always
  sample: 2.31.2
platform:
  description: What the machine was found to be, or what was asked for. Null if it is none of the platforms.
  type: str
  returned: always
  sample: nixos
system:
  description: The system that the machine builds for by itself.
  type: str
  returned: always
  sample: x86_64-linux
host_name:
  description: The machine's own name.
  type: str
  returned: always
user:
  description: The user who was asked, after escalation.
  type: str
  returned: always
login_user:
  description: The user who logged in.
  type: str
  returned: always
trusted:
  description: Whether the user who logged in may give the store paths without a signature.
  type: bool
  returned: always
multi_user:
  description: Whether a daemon guards the store.
  type: bool
  returned: always
has_systemd:
  description: Whether systemd runs the machine.
  type: bool
  returned: always
boot_id:
  description: What names the time since the last boot, where the machine has such a name.
  type: str
  returned: always
kernel:
  description: The version of the kernel.
  type: dict
  returned: always
  contains:
    running:
      description: Of the one that runs.
      type: str
    current:
      description: Of the one that the current system has, on NixOS.
      type: str
store_free_bytes:
  description: What is free in the file system of the store.
  type: int
  returned: always
store_total_bytes:
  description: The size of the file system of the store.
  type: int
  returned: always
profile:
  description: The path of the profile.
  type: str
  returned: always
generation:
  description: The generation that the profile stands at.
  type: int
  returned: always
default:
  description: The closure that the profile stands at, which the next boot activates.
  type: str
  returned: always
current_system:
  description: The closure that is active.
  type: str
  returned: always
specialisation:
  description: The specialisation of RV(default) that is active, if it is one.
  type: str
  returned: always
booted_system:
  description: The closure that the machine was booted with, on NixOS.
  type: str
  returned: always
reboot_required:
  description:
    - Whether the current or the default system has a kernel, modules, parameters, an initial ramdisk, device trees or an
      interface to init that only a reboot brings into use.
  type: bool
  returned: always
generations:
  description: The profile's generations, oldest first.
  type: list
  elements: dict
  returned: always
  contains:
    number:
      description: Its number.
      type: int
    date:
      description: When it was made, in UTC.
      type: str
      sample: "2026-01-31T12:00:00Z"
    closure:
      description: Its store path.
      type: str
    current:
      description: Whether the profile stands at it.
      type: bool
journal:
  description: The last deployments, oldest first, as the journal has them.
  type: list
  elements: dict
  returned: always
  contains:
    id:
      description: The deployment.
      type: str
      sample: 20260131T120000Z-5f2b9c04
    run:
      description: The run of Ansible that it was part of, the same on all hosts of that run.
      type: str
      sample: 20260131T115930Z-07c1f3a2
    user:
      description: Who deployed, or who started the job, where a server such as AWX ran it.
      type: str
    job:
      description:
        - The job of a server that it was, with C(name) (such as V(AWX job 17)), the project's C(commit), and C(url).
        - Is null when somebody ran Ansible by himself.
      type: dict
    controller:
      description: From where.
      type: str
    started:
      description: When it began, by the machine's own clock.
      type: str
    seconds:
      description: How long it took on the machine.
      type: int
    revision:
      description: The revision that was deployed, where it was known.
      type: str
    dirty:
      description: Whether there were uncommitted changes, where it was known.
      type: bool
    description:
      description: What was written about it.
      type: str
    platform:
      description: The platform.
      type: str
    profile:
      description: The profile's path.
      type: str
    goal:
      description: What was to be done.
      type: str
    rollback:
      description: What was to be gone back to, for a rollback.
      type: str
    from:
      description: What was found, with C(generation), C(closure) and C(running).
      type: dict
    to:
      description: Where it led, with C(generation), and the C(closure) that was asked for.
      type: dict
    outcome:
      description: How it ended, see RV(nix.fleet.nix_activate#module:outcome).
      type: str
    status:
      description: What the end of the activation's program meant, in one word.
      type: str
    exit_code:
      description: The exit code of the activation's program.
      type: int
    units_failed:
      description: The units that failed to start.
      type: list
      elements: str
interrupted:
  description: Whether a deployment ended without finishing, for which the next one makes up.
  type: bool
  returned: always
units_failed:
  description: The units of systemd that have failed, now, on NixOS.
  type: list
  elements: str
  returned: always
drift:
  description:
    - How the machine differs from what the last deployment that the journal has of the profile left, because somebody else has
      changed it since. Null if it does not, or if the journal cannot tell.
  type: dict
  returned: always
  contains:
    what:
      description: Whether it V(runs) or V(boots) something else.
      type: str
    expected:
      description: The closure that was deployed.
      type: str
    found:
      description: The closure that was found.
      type: str
revision:
  description: The revision that RV(default) was deployed from, by the journal, and where that is in the history of O(flake).
  type: dict
  returned: always
  contains:
    deployed:
      description: The revision, or null.
      type: str
    dirty:
      description: Whether there were changes that were not committed.
      type: bool
    current:
      description: The revision that is checked out on the controller, or null.
      type: str
    behind:
      description: How many commits of what is checked out the machine does not have. Null where that is not known.
      type: int
    ahead:
      description: How many commits it has that are not of what is checked out. Null where that is not known.
      type: int
    unknown:
      description:
        - Why RV(revision.behind) and RV(revision.ahead) are not known although O(flake) is a path. Null where they are, and where
          no revision was deployed in a directory that is there.
      type: str
lock:
  description: What holds the machine's lock, or null.
  type: dict
  returned: always
  contains:
    id:
      description: Its name.
      type: str
    kind:
      description: What it is, V(deployment), V(collection) of garbage or V(reboot).
      type: str
    holder:
      description: Who started it, and where.
      type: str
    process:
      description: The process on the machine.
      type: int
    started:
      description: When it started.
      type: str
    alive:
      description: Whether it still runs. A dead one is taken over by the next deployment.
      type: bool
    awaits_seconds:
      description: In how many seconds a deployment has to be confirmed, or goes back by itself; null when it awaits nothing.
      type: int
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
  sample: nix.no_nix
cause:
  description: Why it failed, in one sentence.
  type: str
  returned: failure
  sample: there is no Nix on this machine, or not where it usually is
command:
  description: The command that failed.
  type: str
  returned: failure of a command
log:
  description: The last lines that it printed.
  type: str
  returned: failure, if it printed something
advice:
  description: What to do next.
  type: str
  returned: failure, where something can be advised
"""
