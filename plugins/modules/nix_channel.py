# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_channel
short_description: Move a host's branch forward to a commit whose system was built
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Keeps a branch for each host, which is always at a commit whose system for that host was really built, by this run or by a
    Hydra, and which a host can follow by itself. The branch moves forward only.
  - A host's branch is moved by a push that the server itself takes only while the branch is where it was seen. Two runs at the same
    time end with the newer commit, whichever comes first.
  - The task runs on the machine that has built the system (C(delegate_to)), and asks its store for it. Git works on the controller, with
    the repository there and its credentials.
options:
  repository:
    description:
      - A clone of the flake's repository on the controller. A path that begins with a dot starts at the playbook's directory.
      - Commits that it does not have are fetched from O(remote); none of its branches changes.
    type: str
    required: true
  remote:
    description:
      - Where the branch is, as the name of a remote of the repository, an address of https or ssh, or a path.
    type: str
    default: origin
  branch:
    description:
      - The host's branch. By default, V(nixos-tested-) and the host's name in the inventory.
    type: str
  revision:
    description:
      - The commit that was built, as RV(nix.fleet.nix_eval#module:flake_revision) says it.
    type: str
  dirty:
    description:
      - Whether what was built had changes that are not committed, as RV(nix.fleet.nix_eval#module:flake_dirty) says it. Then the task fails.
    type: bool
    default: false
  closure:
    description:
      - What was built of O(revision), as RV(nix.fleet.nix_build#module:out_path) says it. The machine that the task runs on must have it.
    type: str
  hydra:
    description:
      - The job of a Hydra whose last success says to which commit to move, instead of O(revision) and O(closure).
    type: dict
    suboptions:
      url:
        description: The address of the Hydra.
        type: str
        required: true
      project:
        description: The project.
        type: str
        required: true
      jobset:
        description: The jobset.
        type: str
        required: true
      job:
        description: The job that builds the host's system, such as V(nixosConfigurations.web).
        type: str
        required: true
      input:
        description: The jobset's input that is the fleet's repository. Not needed where the jobset is one of a flake.
        type: str
      timeout:
        description: Seconds that an answer may take.
        type: int
        default: 30
      validate_certs:
        description: Whether the certificate of the Hydra must be valid.
        type: bool
        default: true
  cache:
    description:
      - A binary cache that must have the system too, as an address for Nix, such as V(https://cache.example.org) or
        V(ssh-ng://cache.example.org). It is asked by the machine that the task runs on.
    type: str
  token:
    description:
      - The token to sign in with at a remote of https, as the user that its address names, or as C(git). It reaches Git in its
        environment, and is on no command line, in no file and in no log. Git's own helpers for credentials are not asked, and
        not told.
    type: str
extends_documentation_fragment:
  - nix.fleet._nix
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: full
    details:
      - The branch is looked at, and commits may be fetched into the repository, which no reference then leads to.
  diff_mode:
    support: full
    details:
      - Shows where the branch was and is, and the commits between.
  idempotent:
    support: full
requirements:
  - Git 2.31 or newer on the controller
notes:
  - A branch that is ahead of the commit already, because a later run was faster, stays, and the task succeeds without a change.
  - A commit that does not come after the one that the branch is at is refused, and so is every name that Git takes for no branch.
seealso:
  - module: nix.fleet.nix_build
  - module: nix.fleet.nix_flake
"""

EXAMPLES = r"""
- name: Evaluate
  nix.fleet.nix_eval:
    flake: ./fleet
    attr: "{{ nix_attr }}"
  delegate_to: localhost
  register: evaluation

- name: Build
  nix.fleet.nix_build:
    drv_path: "{{ evaluation.drv_path }}"
  delegate_to: localhost
  register: build

- name: Let the host follow
  nix.fleet.nix_channel:
    repository: ./fleet
    revision: "{{ evaluation.flake_revision }}"
    dirty: "{{ evaluation.flake_dirty }}"
    closure: "{{ build.out_path }}"
    cache: https://cache.example.org
  delegate_to: localhost

- name: Move to what Hydra has built, signed in by a token
  nix.fleet.nix_channel:
    repository: ./fleet
    remote: https://git.example.org/fleet.git
    branch: "tested/{{ inventory_hostname }}"
    token: "{{ lookup('ansible.builtin.env', 'FORGE_TOKEN') }}"
    hydra:
      url: https://hydra.example.org
      project: fleet
      jobset: main
      job: "nixosConfigurations.{{ inventory_hostname }}"
  delegate_to: localhost
"""

RETURN = r"""
msg:
  description: What became of the branch, in one sentence.
  type: str
  returned: always
  sample: nixos-tested-web moved from 710f818fc5cc to 3a50a5a42ae2
branch:
  description: The host's branch.
  type: str
  returned: success
  sample: nixos-tested-web
before:
  description: The commit that it was at. Null if there was no such branch.
  type: str
  returned: success
after:
  description: The commit that it is at now, or would be in check mode.
  type: str
  returned: success
revision:
  description: The commit that was built. Where RV(after) is another, the branch was ahead already.
  type: str
  returned: success
closure:
  description: The system that was built of it.
  type: str
  returned: success
tested_by:
  description: Who says that it was built.
  type: str
  returned: success
  sample: build 4711 of evaluation 12 at https://hydra.example.org
commits:
  description: The commits between RV(before) and RV(after), newest first, at most 50.
  type: list
  elements: str
  returned: success
host:
  description: The host that it failed for.
  type: str
  returned: failure
stage:
  description: What failed, in one word.
  type: str
  returned: failure
  sample: channel
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: channel.failed
cause:
  description: Why it failed, in one sentence.
  type: str
  returned: failure
  sample: "nixos-tested-web moves forward only: it is at 710f818fc5cc, and 3a50a5a42ae2 does not come after that; they parted after 0c1d2e3f4a5b"
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
