# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_flake
short_description: Update a flake's inputs, check it, fetch its sources, and say what it is
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Says what a flake is and which revisions of its inputs it is locked to. On request, moves all or some of its inputs to what they
    are now, tells what moved, and keeps that in the working tree, as a commit, or on a branch that is pushed for review.
  - The new lock file is made beside the old one. Only when everything that was asked for holds, C(nix flake check) among it, it
    takes the other's place, in one step.
  - Runs on the machine that has the flake, mostly the controller (C(delegate_to)).
options:
  flake:
    description:
      - The flake, as the path of its directory, or any flake reference where nothing is updated.
      - On the controller, a path that begins with a dot starts at the playbook's directory, and one that begins with a tilde at
        the home directory.
    type: str
    required: true
  update:
    description:
      - Whether to move inputs to what they are now. The addresses that F(flake.nix) has for them stay.
    type: bool
    default: false
  inputs:
    description:
      - Which inputs to update, such as V(nixpkgs), or V(home-manager/nixpkgs) for an input of an input. By default, all.
    type: list
    elements: str
    default: []
  lock:
    description:
      - The text of the lock file to have, as RV(lock) of an earlier task said it, so that just that comes into being which was
        looked at meanwhile. Nothing is fetched anew to find what is newest.
    type: str
  lock_of:
    description:
      - RV(lock_of) of the same task. When the lock file or the commit that is checked out is another by now, the task fails and
        nothing is changed.
    type: str
  check:
    description:
      - Whether C(nix flake check) must hold, with the updated inputs where there are any. Otherwise the task fails and nothing is
        changed.
    type: bool
    default: false
  archive:
    description:
      - Whether to have the flake and all its inputs in the machine's store, and to return their paths in RV(sources).
      - M(nix.fleet.nix_copy_closure) brings them to a machine that cannot fetch them itself. An input that is locked by its content is
        taken from the store where it is there.
    type: bool
    default: false
  commit:
    description:
      - Whether to commit the lock file on the branch that is checked out, and nothing else. What moved is the message.
      - What an earlier task has updated without committing it is part of that.
    type: bool
    default: false
  branch:
    description:
      - The branch of O(remote) to push the update to for review, one commit after the one that is checked out. What was there
        before, such as an earlier update, is replaced, unless it is the same.
      - Neither the working tree nor any local branch is touched.
    type: str
  remote:
    description:
      - Where to push O(branch) to, as the name of a remote of the repository, an address, or a path.
    type: str
    default: origin
  token:
    description:
      - The token to sign in with at a remote of https, as the user that its address names, or as C(git). It reaches Git in its
        environment, and is on no command line, in no file and in no log. Git's own helpers for credentials are not asked, and
        not told.
      - On another machine than the controller, with a way to become another user which takes scripts as files, such as doas and
        su, the login must be able to write to a file system in memory.
    type: str
  host_changes:
    description:
      - What the update changes on hosts, by host, each as RV(nix.fleet.nix_activate#module:closure_diff). It becomes the end of the
        commit's message.
    type: dict
    default: {}
extends_documentation_fragment:
  - nix.fleet._nix
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: full
    details:
      - What is newest is looked up, fetched and checked, and nothing is kept of it but what is in the store.
  diff_mode:
    support: full
    details:
      - Shows the inputs that move, with revisions and dates.
  idempotent:
    support: full
    details:
      - A second run finds nothing new unless something new came meanwhile.
requirements:
  - Git, where something is to be committed
seealso:
  - module: nix.fleet.nix_copy_closure
  - module: nix.fleet.nix_eval
"""

EXAMPLES = r"""
- name: Update all inputs, in the working tree
  nix.fleet.nix_flake:
    flake: ./fleet
    update: true
  delegate_to: localhost
  register: update

- name: Say what moved
  ansible.builtin.debug:
    msg: "{{ update.moved | map(attribute='text') }}"

- name: Update one input, and commit it if the flake's checks hold
  nix.fleet.nix_flake:
    flake: ./fleet
    update: true
    inputs: [nixpkgs]
    check: true
    commit: true
  delegate_to: localhost

- name: Propose an update on a branch
  nix.fleet.nix_flake:
    flake: ./fleet
    update: true
    branch: update-flake-inputs
    token: "{{ lookup('ansible.builtin.env', 'FORGE_TOKEN') }}"
  delegate_to: localhost

- name: Fetch what a builder cannot fetch
  nix.fleet.nix_flake:
    flake: ./fleet
    archive: true
  delegate_to: localhost
  register: flake

- name: Bring it there
  nix.fleet.nix_copy_closure:
    paths: "{{ flake.sources }}"
  delegate_to: homelab
"""

RETURN = r"""
msg:
  description: What became of the flake, in one sentence.
  type: str
  returned: always
  sample: "moved nixpkgs: commit 3a50a5a42ae2 on main"
metadata:
  description: What the flake is, with the updated inputs where there are any.
  type: dict
  returned: success
  contains:
    description:
      description: What the flake says of itself.
      type: str
    url:
      description: Its flake reference.
      type: str
    locked_url:
      description: The same, with its revision. Null while there are changes that are not committed.
      type: str
    revision:
      description: Its commit, which ends in C(-dirty) where there are changes that are not committed.
      type: str
    dirty:
      description: Whether there are such changes.
      type: bool
    date:
      description: The day of its last change, in UTC.
      type: str
    path:
      description: Its files in the store.
      type: str
    fingerprint:
      description: What is the same for the same files and inputs.
      type: str
    inputs:
      description:
        - Its inputs by name, those of inputs as V(home-manager/nixpkgs), each with C(revision), C(date), and C(locked), the attributes of
          its flake reference. Inputs that follow others are left out.
      type: dict
moved:
  description: The inputs that moved, or would in check mode. With O(commit) or O(branch), since the last commit.
  type: list
  elements: dict
  returned: when O(update) is set
  contains:
    name:
      description: The input.
      type: str
    kind:
      description: V(added), V(removed) or V(updated).
      type: str
    before:
      description: Where it was, with C(revision), C(date) and C(url), or null.
      type: dict
    after:
      description: Where it is now, in the same words, or null.
      type: dict
    text:
      description: The same in one line.
      type: str
      sample: "nixpkgs: 710f818fc5cc (2026-01-03) → 3a50a5a42ae2 (2026-01-31)"
override_inputs:
  description:
    - What O(nix.fleet.nix_eval#module:override_inputs) has to be to evaluate the flake with the updated inputs, where the lock
      file is not in place.
  type: dict
  returned: when O(update) is set
lock:
  description: The text of the updated lock file.
  type: str
  returned: when O(update) is set
lock_of:
  description: What the lock file from before and the commit that was checked out are known again by, for O(lock_of).
  type: str
  returned: when O(update) is set
message:
  description: The message of the commit, or what it would be. Empty when nothing moved.
  type: str
  returned: when O(update) is set
commit:
  description: The commit that has the update, or null.
  type: str
  returned: when O(update) is set
branch:
  description: The branch that the commit is on, or null.
  type: str
  returned: when O(update) is set
sources:
  description: The store paths of the flake and all its inputs.
  type: list
  elements: str
  returned: when O(archive) is set
seconds:
  description: How long it took.
  type: float
  returned: success
host:
  description: The host that it failed for.
  type: str
  returned: failure
stage:
  description: What failed, in one word.
  type: str
  returned: failure
  sample: update
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: update.failed
cause:
  description: Why it failed, in one sentence.
  type: str
  returned: failure
  sample: "the flake's checks do not hold with the updated inputs: nothing was changed"
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
