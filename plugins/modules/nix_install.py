# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_install
short_description: Make a NixOS of a machine that is reached by ssh
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Runs nixos-anywhere on the controller for a machine of the inventory. It boots an installer there by kexec, partitions the disks as the
    configuration's disko says, and installs the configuration.
  - B(All data on the disks that the configuration names are lost.) Without O(erase), the task fails before anything is done.
  - A machine that runs an installed NixOS is left alone.
  - Address, login, port, identity file, password and options of ssh are those of Ansible's own connection.
options:
  flake:
    description: The flake, a path or any flake reference.
    type: str
    required: true
  attr:
    description:
      - What is installed, as C(nixosConfigurations.NAME.config.system.build.toplevel). The same configuration says how the disks are laid
        out, by C(disko).
    type: str
    required: true
  erase:
    description: Whether the data on the machine's disks may be erased.
    type: bool
    default: false
  reinstall:
    description: Whether to install a machine that runs an installed NixOS already.
    type: bool
    default: false
  phases:
    description: Which parts of an installation to do, in this order.
    type: list
    elements: str
    choices: [kexec, disko, install, reboot]
    default: [kexec, disko, install, reboot]
  hardware_config:
    description: Have the machine's hardware looked at, and a file of the flake written from it before anything is built.
    type: dict
    suboptions:
      backend:
        description: Which program looks.
        type: str
        required: true
        choices: [nixos-facter, nixos-generate-config]
      path:
        description: The file on the controller.
        type: path
        required: true
  extra_files:
    description: A directory of the controller, whose contents are copied to the root of the new system. Its files are root's.
    type: path
  host_keys:
    description:
      - Keys that the new machine's sshd is to have, by kind (V(ed25519), V(rsa)), each with C(private) and C(public). A machine whose key is
        known beforehand can be told from an impostor at its first boot, and sops-nix and agenix can encrypt to it.
    type: dict
    default: {}
  files_root:
    description: The directory of the machine to which O(extra_files) and O(host_keys) go, as V(/persist) where its root is made anew with each boot.
    type: str
    default: /
  disk_encryption_keys:
    description: What unlocks the disks, by the path where the configuration looks for it during the installation.
    type: dict
    default: {}
  allow_disk:
    description:
      - Whether O(host_keys) and O(disk_encryption_keys) may be on a disk of the controller while nixos-anywhere runs, where the
        controller has no file system in memory that can be written to, as on a Mac. Otherwise the task fails there.
    type: bool
    default: false
  nix_options:
    description:
      - Settings of C(nix.conf) by name, for all that nixos-anywhere has Nix do on the controller. Nix finds them in its
        environment (C(NIX_CONFIG)), so that a token (C(access-tokens)) is in no argument of a process, and in no result.
    type: dict
    default: {}
  ssh_options:
    description:
      - Options of ssh, each as C(Name=value). By default, those in C(ansible_ssh_common_args) and C(ansible_ssh_extra_args).
    type: list
    elements: str
  program:
    description:
      - The program and its first arguments, among them what no option here says, such as V(--build-on), V(--copy-host-keys) or
        V(--kexec).
    type: list
    elements: str
    default: [nixos-anywhere]
  login_timeout:
    description: After how many seconds an installation is ended that does not get in to the machine. nixos-anywhere itself tries for ever.
    type: int
    default: 120
  return_timeout:
    description: The same for an installer that does not answer after kexec, and for a machine that does not reboot in the end.
    type: int
    default: 600
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: full
    details:
      - The machine is asked what it runs, and the command is returned and not run.
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Install what the inventory says on a machine whose disks hold nothing of value
  nix.fleet.nix_install:
    flake: "{{ nix_flake }}"
    attr: "{{ nix_attr }}"
    erase: true
    program: [nixos-anywhere, --build-on, local]
    host_keys:
      ed25519:
        private: "{{ vault_host_key }}"
        public: "{{ host_key_public }}"
"""

RETURN = r"""
msg:
  description: What became of the machine, in one sentence.
  returned: always
  type: str
installed:
  description: The version of NixOS that it runs already.
  returned: when nothing was done
  type: str
steps:
  description: What nixos-anywhere said that it did.
  returned: when it was run
  type: list
  elements: str
command:
  description: The command, or what it would be. No secret is in it.
  returned: when something was done, or would be
  type: list
  elements: str
stage:
  description: What failed, in one word.
  returned: failure
  type: str
  sample: installation
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: installation.failed
cause:
  description: Why.
  returned: failure
  type: str
log:
  description: The end of what nixos-anywhere printed.
  returned: failure, if it ran
  type: str
advice:
  description: What to do about it.
  returned: failure
  type: str
"""
