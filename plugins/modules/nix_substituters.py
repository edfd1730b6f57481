# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of nix.fleet.nix_substituters; what it does is in plugins/action.

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_substituters
short_description: Have a machine's Nix fetch from binary caches and trust their keys
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Has a block of C(nix.conf) say which stores a machine's Nix fetches from and which keys it trusts, beside those that it has anyway
    (C(extra-substituters), C(extra-trusted-public-keys)). The rest of the file stays as it is.
  - On NixOS and nix-darwin, and wherever the file is a link into the Nix store, it is the configuration that makes it. Nothing is
    written there then. The module looks whether the machine has all of it, and returns the lines that the configuration needs
    where it does not.
options:
  substituters:
    description:
      - The addresses of the stores. The block is removed when there is neither one of these nor of O(trusted_public_keys).
    type: list
    elements: str
    default: []
  trusted_public_keys:
    description:
      - The public keys to trust, such as RV(nix.fleet.nix_cache_push#module:public_key).
    type: list
    elements: str
    default: []
  file:
    description:
      - The file to have the block in, an absolute path, or one that begins with V(~/).
      - By default, that which the user's Nix reads. For root V(/etc/nix/nix.custom.conf) where C(/etc/nix/nix.conf) includes it, as the
        installer of Determinate Systems has it, and else C(/etc/nix/nix.conf). For any other user C(~/.config/nix/nix.conf).
    type: str
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - Nix 2.24 or newer on the machine
notes:
  - When root's file has changed, the Nix daemon is restarted where systemd or launchd runs it, since it reads the file when it starts.
    What it builds at that moment ends. Another daemon is left alone, and a warning says that it has to be
    restarted. A restart that an interrupted run did not come to is made up for by the next one.
  - What a user's own file says counts only for a user who owns the store, as on a phone, or whom the daemon trusts (C(trusted-users)).
    There is a warning where it does not, and RV(effective) is V(false).
seealso:
  - module: nix.fleet.nix_substitute
  - module: nix.fleet.nix_cache_push
"""

EXAMPLES = r"""
- name: Fetch from our cache
  nix.fleet.nix_substituters:
    substituters:
      - https://cache.example.org
    trusted_public_keys:
      - cache.example.org-1:f3yWV46hNhAhZmzV/BSdStbG7r/Kw6/AXSm10KraLog=
  become: true
  register: substituters

- name: Show what the configuration lacks, where it is the configuration's
  ansible.builtin.debug:
    msg: "{{ substituters.module_lines }}"
  when: substituters.managed and not substituters.effective

- name: No longer fetch from any but the machine's own
  nix.fleet.nix_substituters:
  become: true
"""

RETURN = r"""
file:
  description: The file that was looked at.
  type: str
  returned: success
  sample: /etc/nix/nix.conf
managed:
  description:
    - Whose configuration makes the file, V(nixos), V(darwin), V(home-manager) or V(another). Then nothing is written. Null
      for a file of the machine's own.
  type: str
  returned: success
effective:
  description:
    - Whether the machine's Nix does, or would do, as it was asked to. For a managed file, whether it has all of it. For any other,
      whether Nix acts on what this user's file says.
  type: bool
  returned: success
module_lines:
  description: The same as lines of a module of NixOS, nix-darwin or home-manager.
  type: str
  returned: success
  sample: |
    nix.settings = {
      extra-substituters = [ "https://cache.example.org" ];
    };
daemon_restarted:
  description: Whether the Nix daemon was restarted.
  type: bool
  returned: success
msg:
  description: What happened, in a few words, or why it did not.
  type: str
  returned: always
  sample: changed /etc/nix/nix.conf and restarted the Nix daemon
host:
  description: The host that it failed for.
  type: str
  returned: failure
stage:
  description: What failed, in one word.
  type: str
  returned: failure
  sample: cache
cause:
  description: Why it failed, in one sentence.
  type: str
  returned: failure
log:
  description: The last lines that were printed.
  type: str
  returned: failure, if there is something to show
advice:
  description: What to do next.
  type: str
  returned: failure, where something can be advised
"""
