# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of nix.fleet.nix_shell; what it does is in plugins/action.

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_shell
short_description: Run a command, or a package of a flake, on machines without Python
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Runs a command on machines that have a POSIX shell and no Python, and returns its exit code, its output and its errors apart. It has
    the options and results of M(ansible.builtin.command), and takes a free form.
  - With O(package), a package of a flake is built on the controller or a builder, copied to the machine, and its programs come first on
    E(PATH). Nothing is installed.
  - Nix's own programs are on E(PATH), and its newer commands and flakes are enabled for the command.
options:
  cmd:
    description:
      - The command, a line for the machine's C(sh).
      - It may be given in free form with ansible-core 2.19 or newer. What has an equals sign in it has to be given as O(cmd).
    type: str
  argv:
    description:
      - The command as a list of words, which no shell looks at.
    type: list
    elements: str
  package:
    description:
      - A package, as a flake and an attribute of it such as V(nixpkgs#htop), or a store path.
      - It is evaluated for the system of O(build_on). For a machine of another one, name the attribute in full, such as
        V(nixpkgs#legacyPackages.aarch64-linux.htop).
      - Without O(cmd) and O(argv), the package's only program is run, or the one that has its name.
    type: str
  build_on:
    description:
      - Where O(package) is evaluated and built, V(controller), V(target) for the machine itself, or an inventory host.
      - A path is the controller's with V(controller), and that machine's with any other.
    type: str
    default: controller
  chdir:
    description:
      - The directory to run it in. It may begin with V(~/).
    type: str
  creates:
    description:
      - A file, or a pattern of files, which when it is there says that the command need not be run. It may begin with V(~/).
    type: str
  removes:
    description:
      - A file, or a pattern of files, which when it is not there says that the command need not be run. It may begin with V(~/).
    type: str
  stdin:
    description:
      - What the command reads on standard input. By default, nothing.
    type: str
  stdin_add_newline:
    description:
      - Whether a line break follows O(stdin).
    type: bool
    default: true
  allow_disk:
    description:
      - Whether O(stdin) may be on a disk of the machine for a moment. That is of use for a way to become another user which takes
        scripts as files, such as doas and su, on a machine where the login can write to no file system in memory. Otherwise the
        task fails there, before anything is sent.
    type: bool
    default: false
  strip_empty_ends:
    description:
      - Whether line breaks at the end of RV(stdout) and RV(stderr) are left out.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that the command may take. After that it is ended, together with all that it has begun, and the task fails.
      - By default there is no limit but that of the task's keyword of the same name, which leaves the command to itself.
    type: int
extends_documentation_fragment:
  - nix.fleet._nix
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: partial
    details:
      - The command is not run. With O(creates) or O(removes) the result is changed when it would be. Without them nobody
        knows, and the task is skipped. Nothing is built then.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - With O(creates) or O(removes).
notes:
  - The command has no terminal. For programs that need one, such as C(htop), log in with C(ssh -t).
  - What O(stdin) says, and the task's C(environment), is on no command line of the machine. What is in O(cmd) and O(argv) is.
  - The package that was run last for an inventory host is kept from the machine's garbage collector.
seealso:
  - module: ansible.builtin.command
  - module: ansible.builtin.raw
  - module: nix.fleet.nix_health
"""

EXAMPLES = r"""
# ansible vps -m nix.fleet.nix_shell -a 'nix store info'

- name: Run a command
  nix.fleet.nix_shell:
    cmd: df -h /nix/store | tail -n 1
  register: space
  changed_when: false

- name: Run a program that the machine does not have
  nix.fleet.nix_shell:
    package: nixpkgs#pciutils
    cmd: lspci | grep -i network
  changed_when: false

- name: Run a package of the fleet's own flake, built by homelab
  nix.fleet.nix_shell:
    package: git+ssh://git@git.example.org/fleet#migrate
    build_on: homelab
    argv: [migrate, --to, "42"]
    chdir: /var/lib/app
    creates: /var/lib/app/version-42
  become: true

- name: Feed it a secret
  nix.fleet.nix_shell:
    cmd: wg set wg0 private-key /dev/stdin
    stdin: "{{ wireguard_key }}"
    timeout: 10
  become: true
"""

RETURN = r"""
cmd:
  description: What was run.
  type: raw
  returned: always
  sample: df -h /nix/store
rc:
  description: The command's exit code. The task fails unless it is 0.
  type: int
  returned: when the machine was reached
stdout:
  description: What it printed on standard output.
  type: str
  returned: when the machine was reached
stdout_lines:
  description: The same in lines.
  type: list
  elements: str
  returned: when the machine was reached
stderr:
  description: What it printed on standard error.
  type: str
  returned: when the machine was reached
stderr_lines:
  description: The same in lines.
  type: list
  elements: str
  returned: when the machine was reached
package_paths:
  description: The store paths of O(package).
  type: list
  elements: str
  returned: when the command was run
start:
  description: When it was begun, in UTC, by the controller's clock.
  type: str
  returned: when the command was run
  sample: "2026-01-31 12:00:00.123456+00:00"
end:
  description: When it had ended.
  type: str
  returned: when the command was run
  sample: "2026-01-31 12:00:00.654321+00:00"
delta:
  description: How long that took, the way to the machine included.
  type: str
  returned: when the command was run
  sample: "0:00:00.530865"
msg:
  description: Why it failed or was not run. Empty when it went well.
  type: str
  returned: always
  sample: non-zero return code
host:
  description: The host that it failed for.
  type: str
  returned: failure, when the command was not begun
stage:
  description: What failed, in one word.
  type: str
  returned: failure, when the command was not begun
  sample: build
cause:
  description: Why it failed, in one sentence.
  type: str
  returned: failure, when the command was not begun
log:
  description: The last lines that were printed.
  type: str
  returned: failure, when the command was not begun, if there is something to show
advice:
  description: What to do next.
  type: str
  returned: failure, when the command was not begun, where something can be advised
"""
