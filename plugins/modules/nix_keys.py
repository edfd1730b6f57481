# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_keys
short_description: Bring secrets to a machine, past the Nix store
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Writes secrets into a directory that is kept in memory, with owner, group and mode. The Nix store can be read by everyone
    on a machine, so that a secret must not be part of a configuration.
  - What a secret holds comes from a variable (a vault, for one), from a file of the controller, or from a program that the
    controller runs, such as C(sops), C(age) or C(pass).
  - All keys of a machine are brought by one script, on the standard input of a shell. Secrets are in no argument of a process,
    in no temporary file outside of the directory, and in nothing that is printed or returned.
  - A file is replaced as a whole or not at all, and nobody but its owner could read it at any moment.
options:
  keys:
    description:
      - The secrets.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The name of the file.
        type: str
        required: true
      content:
        description:
          - What it holds, a text or a number. Anything else is for a filter, such as C(to_json), to make a text of.
          - Exactly one of O(keys[].content), O(keys[].file), O(keys[].command) and O(keys[].hive) must be given, unless
            O(keys[].state=absent).
        type: raw
      file:
        description:
          - The file of the controller that has it, to the last byte. It is looked for as M(ansible.builtin.copy) does, in the
            directory C(files) of a role or beside a playbook, and then below the directory that Ansible was started in.
          - A file that is a vault is decrypted, in memory.
        type: path
      command:
        description:
          - The program of the controller that prints it, to the last byte, and its arguments. No shell is in between, and the
            task's C(environment) is set.
          - It is run in the directory that Ansible was started in, once for each host.
        type: list
        elements: str
      hive:
        description:
          - The colmena hive that has it, as the C(text) of one of its C(deployment.keys). The inventory writes this, so that
            the text itself is in no inventory.
          - The controller evaluates it with the Nix on its E(PATH).
        type: dict
        suboptions:
          node:
            description: The name of the node in the hive.
            type: str
            required: true
          key:
            description: The attribute of the key in C(deployment.keys).
            type: str
            required: true
          flake:
            description: The flake that has the hive. Either this or O(keys[].hive.file) must be given.
            type: str
          attribute:
            description: The path of the hive in the flake's outputs, where it is not C(colmenaHive).
            type: list
            elements: str
          override_inputs:
            description: Inputs of the flake to replace, by name, each with a flake reference.
            type: dict
          impure:
            description: Let the evaluation read environment variables and paths outside the flake.
            type: bool
          file:
            description: The Nix file that is the evaluated hive.
            type: str
      directory:
        description:
          - The directory, an absolute path. It is made when it is not there.
          - By default, C(/run/keys) for root on Linux, which NixOS itself keeps in memory; C($XDG_RUNTIME_DIR/keys) for others,
            where there is such a thing. Elsewhere, as on a Mac or a phone, C(/var/lib/nix.fleet-keys) for root and
            C(${XDG_STATE_HOME:-~/.local/state}/nix.fleet/keys) for others, which take O(allow_disk).
          - It must not be writable by others, and nothing on the way to it may belong to a user who is neither root nor the one
            whom the task is run as. The user's own home directory and what is above it is trusted.
        type: str
      owner:
        description:
          - The user that it belongs to, as name or number. By default, the one whom the task is run as.
        type: str
      group:
        description:
          - The group that it belongs to, as name or number. By default, the group of the user whom the task is run as.
        type: str
      mode:
        description:
          - Its permissions, as octal digits in quotes, V('0400') by default.
          - A number is refused, since YAML reads V(0400) as 256.
        type: raw
      upload_at:
        description:
          - The moment of a deployment at which it is needed, if O(upload_at) chooses by it.
        type: str
        choices: [pre-activation, post-activation]
        default: pre-activation
      state:
        description:
          - Whether it is to be there.
        type: str
        choices: [present, absent]
        default: present
  upload_at:
    description:
      - Which keys to bring, by their own O(keys[].upload_at).
    type: str
    choices: [any, pre-activation, post-activation]
    default: any
  allow_disk:
    description:
      - Whether the directory may be on a disk, where secrets outlast the machine's memory. Otherwise the task fails there.
    type: bool
    default: false
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  action:
    details:
      - All of it is an action plugin. The target needs a POSIX shell with a C(printf) of its own, and neither Nix nor Python.
  check_mode:
    support: full
    details:
      - Compares what is there with what should be there, and writes nothing. Programs of O(keys[].command) are run.
  diff_mode:
    support: full
    details:
      - Shows mode, user and group of what changes, and never what it holds.
  idempotent:
    support: full
    details:
      - A file that holds the same, with the same owner, group and mode, is left alone. A program that prints something else
        each time makes for a change each time.
notes:
  - What is kept in memory is gone after a reboot. Bring the keys again (C(ansible-playbook nix.fleet.keys)), or let the machine
    decrypt them by itself, as sops-nix and agenix do.
  - A file in a tmpfs can end up in swap. Encrypt the swap, or have none.
seealso:
  - module: nix.fleet.nix_activate
  - module: ansible.builtin.copy
"""

EXAMPLES = r"""
- name: Bring what the new system reads when it starts
  nix.fleet.nix_keys:
    keys:
      - name: database-password
        content: "{{ vault_database_password }}"
        owner: postgres
        mode: "0400"
      - name: tls.key
        file: tls/www.example.org.key
        group: nginx
        mode: "0440"
      - name: backup
        command: [sops, --decrypt, --extract, '["backup"]', secrets.yaml]
  become: true

- name: Decrypt on the controller with age
  nix.fleet.nix_keys:
    keys:
      - name: token
        command: [age, --decrypt, --identity, ~/.config/age/key.txt, secrets/token.age]

- name: On a Mac, bring it to its encrypted disk
  nix.fleet.nix_keys:
    allow_disk: true
    keys:
      - name: license
        file: license.txt

- name: Take a key away
  nix.fleet.nix_keys:
    keys:
      - name: old-token
        state: absent
"""

RETURN = r"""
msg:
  description: What became of the keys, or why not, in one sentence.
  type: str
  returned: always
  sample: "1 of 3 keys changed: database-password"
files:
  description: The keys in their order. Never what they hold.
  type: list
  elements: dict
  returned: always, unless it failed before it looked
  contains:
    name:
      description: The name of the key.
      type: str
    path:
      description: The file.
      type: str
    changed:
      description: Whether it was not up to date.
      type: bool
    changes:
      description: What was not, of V(created), V(content), V(mode), V(owner), V(group) and V(removed).
      type: list
      elements: str
  sample:
    - name: database-password
      path: /run/keys/database-password
      changed: true
      changes: [content]
late:
  description:
    - The files whose owner or group is not there yet, with O(upload_at=pre-activation). They belong to who brought them
      until they are brought again.
  type: list
  elements: str
  returned: always, unless it failed before it looked
  sample: [/run/keys/database-password]
stage:
  description: V(keys).
  type: str
  returned: on failure
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: keys.not_in_memory
advice:
  description: What to do about it.
  type: str
  returned: on failure
"""
