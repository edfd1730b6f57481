# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_gc
short_description: Delete old generations and collect the garbage of a store
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Deletes those generations of a machine's profiles that are neither new enough nor among the last ones, brings the boot
    loader's entries up to date on NixOS, and has Nix delete what nothing refers to any more, all of it or as much as it takes
    to have room.
  - Whatever is asked for, these generations stay. The one that the profile stands at, which is the default of the next boot; the one
    that runs, also by one of its specialisations; the one that was booted; and those that the last run of
    M(nix.fleet.nix_activate), or one that was interrupted, has recorded to return to.
  - It takes one round trip to see what there is, and one to collect. Works for NixOS, nix-darwin, nix-on-droid and home-manager,
    for builders, and for profiles of your own. The machine needs a POSIX shell and Nix, and no Python.
options:
  platform:
    description:
      - The platform whose own profile is looked at. V(nix-darwin) is another name of V(darwin).
      - By default, what the machine is found to be. A machine that is none of them has its garbage collected.
  profiles:
    description:
      - The profiles whose generations may go, absolute paths, which may begin with V(~/).
      - By default, the platform's own.
    type: list
    elements: str
    default: []
  keep_generations:
    description:
      - How many generations of each profile stay, counted back from the one that it stands at. Newer ones, to which there is a way
        back after a rollback, stay as well.
      - A generation stays when this or O(keep_for) wants it. When neither is set, no generation is deleted.
    type: int
  keep_for:
    description:
      - For how long a generation stays, in hours, days or weeks, such as V(12h), V(30d) or V(8w).
      - Its age is that of its link. Of the older ones the newest stays, since it is what there was at that time.
    type: str
  free_space:
    description:
      - What is to be free in the file system of the store, a size such as V(20G) or a share such as V(10%). Units are powers
        of 1024.
      - Only as much garbage is collected as that takes, and none where it is free already. Without it, all garbage goes.
    type: str
  known_hosts:
    description:
      - The inventory hosts whose last build or copy stays protected on this machine. The protection of every other host's is taken
        away, so that what was built here for hosts that are no more becomes garbage.
      - Name the hosts of all inventories that build here, or deploy to this machine by another name. By default, all protection stays.
      - A list that lacks the host that the task is of, or has an empty name, is refused.
    type: list
    elements: str
  wait:
    description:
      - Seconds to wait for a deployment, or another collection, that is under way on the machine. After that, the task fails.
    type: int
    default: 0
  timeout:
    description:
      - Seconds that the collection may take, after O(wait). Then the task fails, and the collection goes on on the machine.
    type: int
    default: 3600
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
  - nix.fleet._platform
attributes:
  check_mode:
    support: partial
    details:
      - Says which generations would go, and what is garbage already. What becomes garbage by their going is not known
        before.
  diff_mode:
    support: full
    details:
      - Shows the generations of each profile before and after, by number and date.
  idempotent:
    support: full
requirements:
  - Nix 2.24 or newer on the machine
notes:
  - The generations of a system are root's, so C(become) unless the login is root.
  - It holds the machine's lock of deployments. While a deployment is under way it waits or is refused, and a deployment that
    comes while it collects is refused. The lock is that of the user who collects. A deployment by another user, of a home for instance,
    protects its closures by itself.
  - A collection that has begun ends on the machine even when the connection breaks.
seealso:
  - module: nix.fleet.nix_info
  - module: nix.fleet.nix_activate
"""

EXAMPLES = r"""
- name: Keep the last five generations, and those of the last month
  nix.fleet.nix_gc:
    keep_generations: 5
    keep_for: 30d
  become: true

- name: Have 20 GiB free, deleting no more than that takes
  nix.fleet.nix_gc:
    keep_generations: 3
    free_space: 20G
  become: true
  register: collected

- name: Say what went
  ansible.builtin.debug:
    msg: "{{ collected.deleted_generations | length }} generations, {{ collected.freed_bytes }} bytes"

- name: Collect a builder's garbage, and forget hosts that the inventory no longer has
  nix.fleet.nix_gc:
    known_hosts: "{{ groups['all'] }}"
    free_space: 20%
  delegate_to: homelab

- name: Tidy up a home and another profile of its user
  nix.fleet.nix_gc:
    platform: home-manager
    profiles:
      - ~/.local/state/nix/profiles/home-manager
      - ~/.local/state/nix/profiles/profile
    keep_for: 8w
"""

RETURN = r"""
msg:
  description: What became of the store, or why nothing did, in one sentence.
  type: str
  returned: always
  sample: deleted 3 generations, freed 1.2 GiB (412 paths), brought the boot entries up to date
platform:
  description: What the machine was found to be, or what was asked for. Null if it is none of the platforms.
  type: str
  returned: when the machine answered
  sample: nixos
profiles:
  description: The profiles that were looked at.
  type: list
  elements: str
  returned: when the machine answered
  sample: [/nix/var/nix/profiles/system]
deleted_generations:
  description: The generations that were deleted, or would be in check mode, oldest first in each profile.
  type: list
  elements: dict
  returned: when the machine answered
  contains:
    profile:
      description: The profile that it was one of.
      type: str
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
kept_generations:
  description: The generations that stay.
  type: list
  elements: dict
  returned: when the machine answered
  contains:
    profile:
      description: The profile that it is one of.
      type: str
    number:
      description: Its number.
      type: int
    date:
      description: When it was made, in UTC.
      type: str
    closure:
      description: Its store path.
      type: str
    reasons:
      description:
        - Why it stays whatever is asked for. V(current) is where the profile stands, V(running) and V(booted) are what the machine
          runs and was booted with, V(rollback) is what a deployment is recorded to return to.
      type: list
      elements: str
      sample: [booted, rollback]
deleted_paths:
  description: How many store paths were deleted. In check mode, how many are garbage already.
  type: int
  returned: when the machine answered
freed_bytes:
  description:
    - What was freed by that, as exactly as Nix says it, which is to a hundredth of a MiB up to Nix 2.28. In check mode, the sizes
      of the paths that are garbage already, or what is lacking where that is less.
  type: int
  returned: when the machine answered
removed_roots:
  description: What is no longer protected, for hosts that O(known_hosts) does not have.
  type: list
  elements: str
  returned: when the machine answered
  sample: [built/old-host]
boot_entries_refreshed:
  description: Whether the boot loader's entries were brought up to date.
  type: bool
  returned: when the machine answered
store_free_bytes:
  description: What is free in the file system of the store.
  type: dict
  returned: when the machine answered
  contains:
    before:
      description: Before the collection.
      type: int
    after:
      description: After it.
      type: int
host:
  description: The host that it failed for.
  type: str
  returned: failure
stage:
  description: What failed, in one word.
  type: str
  returned: failure
  sample: collection
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: collection.failed
cause:
  description: Why it failed, in one sentence.
  type: str
  returned: failure
  sample: "a deployment is running: alice@laptop since 2026-01-31T12:00:00Z (deployment 20260131T120000Z-5f2b9c04, process 4711)"
log:
  description: The end of what the failed command printed.
  type: str
  returned: failure, if there is something to show
advice:
  description: What to do next.
  type: str
  returned: failure, where something can be advised
"""
