# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of nix.fleet.nix_substitute; what it does is in plugins/action.

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_substitute
short_description: Have a machine fetch store paths from a binary cache, or prove that it could
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Makes store paths present on the machine that the task runs on by fetching them and what they need from binary caches. Nothing is
    built, and nothing is sent by the controller.
  - With O(store), first of all it is proved that the machine can reach that store, that the store has the whole closure, signed by keys
    that the machine trusts, and that what was asked for can be read there whole. Then what is lacking is fetched from that
    store alone. A machine that has the paths already proves it as well.
options:
  paths:
    description:
      - The store paths to fetch, such as RV(nix.fleet.nix_build#module:out_path).
      - An empty list is nothing to do.
    type: list
    elements: str
    required: true
    aliases: [path]
  store:
    description:
      - The address of the only store to fetch from, as the machine reaches it, in any of the forms of
        O(nix.fleet.nix_cache_push#module:store).
      - By default, wherever the machine's Nix fetches from (C(substituters)), and nothing is proved beforehand.
    type: str
    aliases: [from]
  timeout:
    description:
      - Seconds that each command of Nix may take. By default there is no limit.
    type: int
extends_documentation_fragment:
  - nix.fleet._nix
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: full
    details:
      - The proof is made in check mode, too.
  diff_mode:
    support: none
  idempotent:
    support: full
notes:
  - A user whom the machine's Nix daemon does not trust fetches only from the stores that the daemon knows by itself. Escalate
    (C(become)), or have the machine's configuration name the store (C(nix.settings.extra-substituters)).
  - The keys that count for the proof are those that Nix finds as this user (C(nix config show trusted-public-keys)). Those
    that count for fetching are the daemon's. For root they are the same.
  - The paths that were fetched last for an inventory host are kept from the garbage collector, as those of
    M(nix.fleet.nix_copy_closure) are.
seealso:
  - module: nix.fleet.nix_cache_push
"""

EXAMPLES = r"""
- name: Fetch the new system before it is deployed
  nix.fleet.nix_substitute:
    paths: "{{ deploy_build.out_path }}"
  become: true

- name: Prove that the host could be deployed from the cache alone
  nix.fleet.nix_substitute:
    paths: "{{ deploy_build.out_path }}"
    store: https://cache.example.org
  become: true
  check_mode: true
"""

RETURN = r"""
fetched_paths:
  description:
    - The store paths that were fetched. In check mode, those that would be.
  type: list
  elements: str
  returned: success
  sample: ["/nix/store/w5pa9fkvm8yhpjcyb3gaw1pmdks51z4h-bash-5.2"]
fetched_count:
  description: The number of RV(fetched_paths).
  type: int
  returned: success
  sample: 1
msg:
  description: What happened, in a few words, or why it did not.
  type: str
  returned: always
  sample: fetched 12 paths
host:
  description: The host that it failed for.
  type: str
  returned: failure
stage:
  description: What failed, in one word.
  type: str
  returned: failure
  sample: cache
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: cache.failed
cause:
  description: Why it failed, in one sentence.
  type: str
  returned: failure
  sample: >-
    https://cache.example.org has /nix/store/w5pa9fkvm8yhpjcyb3gaw1pmdks51z4h-bash-5.2 without a signature that vps-sg-1 trusts
command:
  description: The command that failed.
  type: str
  returned: failure of a command
log:
  description: The last lines that were printed.
  type: str
  returned: failure, if there is something to show
advice:
  description: What to do next.
  type: str
  returned: failure, where something can be advised
"""
