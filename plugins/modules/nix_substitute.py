# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of nix.fleet.nix_substitute; what it does is in plugins/action.

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_substitute
short_description: Prove that a machine could fetch store paths from a binary cache
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Proves that the machine that the task runs on can reach a store, that the store has the whole closure of paths, signed by keys
    that the machine trusts, and that what was asked for can be read there whole. Nothing is fetched.
  - To have a machine fetch, give M(nix.fleet.nix_build) on it the paths as O(nix.fleet.nix_build#module:installables).
options:
  paths:
    description:
      - The store paths, such as RV(nix.fleet.nix_build#module:out_path).
      - An empty list is nothing to do.
    type: list
    elements: str
    required: true
    aliases: [path]
  store:
    description:
      - The address of the store, as the machine reaches it, in any of the forms of O(nix.fleet.nix_cache_push#module:store).
    type: str
    required: true
    aliases: [from]
extends_documentation_fragment:
  - nix.fleet._nix
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - This action does not modify state.
  idempotent:
    support: full
notes:
  - The keys that count are those that Nix finds as this user (C(nix config show trusted-public-keys)). Those that count for
    fetching are the daemon's. For root they are the same.
seealso:
  - module: nix.fleet.nix_cache_push
"""

EXAMPLES = r"""
- name: Prove that the host could be deployed from the cache alone
  nix.fleet.nix_substitute:
    paths: "{{ deploy_build.out_path }}"
    store: https://cache.example.org
  become: true
"""

RETURN = r"""
msg:
  description: What happened, in a few words, or why it did not.
  type: str
  returned: always
  sample: https://cache.example.org offers all of it
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
