# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of nix.fleet.nix_copy_closure; what it does is in plugins/action.

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_copy_closure
short_description: Make store paths and all that they need present on a target
version_added: 0.1.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Copies store paths with their closures into the Nix store of the machine that the task runs on, from the
    controller's store or from that of another inventory host.
  - Nix's own protocol runs through the ssh session that Ansible has open already, so that port, key, password,
    jump hosts and every other ssh setting are those of the connection, and nobody is asked twice.
  - Where the task escalates (C(become)), paths without signatures are taken from a login that is not a trusted user of
    the target's Nix, without making it one. A daemon that runs for the length of the copy only sees to that.
  - From another host, the paths pass through the controller and are not stored there. The two hosts need not know
    each other, nor be able to reach each other.
  - To copy to fewer hosts at a time than Ansible has C(forks), give the task Ansible's own keyword C(throttle).
  - Many hosts that lack mostly the same paths can have them from each other (O(topology=cascade)), so that the source
    sends each path about once.
options:
  paths:
    description:
      - The store paths to copy, such as RV(nix.fleet.nix_build#module:out_path). Their closures come with them.
    type: list
    elements: str
    required: true
    aliases: [path]
  source_host:
    description:
      - The inventory host whose store has the paths. V(localhost) is the controller, unless the inventory says otherwise.
      - The paths are read there by the user who logs in.
    type: str
    default: localhost
  substitute_on_destination:
    description:
      - Let the target fetch what it can from its own substituters first. Right for a target whose line to a binary
        cache is better than the one to the source.
    type: bool
    default: false
  check_signatures:
    description:
      - Take only paths that a key has signed which the target trusts (C(trusted-public-keys)).
      - Where the login is not a trusted user of the target's Nix and the task does not escalate, the target insists on
        this by itself.
    type: bool
    default: false
  compression:
    description:
      - Whether ssh compresses what is sent to the target. Useful on slow lines only; on fast ones it is slower.
      - When not set, Ansible's ssh session is used as it is. It compresses when its own arguments say so (C(-C) in
        O(ansible.builtin.ssh#connection:ssh_args)).
      - Where Ansible's session is not of the kind that is wanted, one more is opened for the copy, since an open one
        cannot be changed.
    type: bool
  topology:
    description:
      - With V(direct), the source sends each host all that it lacks.
      - With V(cascade), hosts of the run that have a path already serve it to those that do not, whatever else the two
        have in common, and the source sends each path about once. What can be had from no other host comes from the
        source all the same, so that nothing fails for the lack of a route.
      - For that, hosts must reach each other at the TCP ports 26940 and 26941, where something listens only while somebody is
        served. They need no keys, no logins and no trust in each other. A host takes content from another one only if it is
        what the source says that it must be.
      - Hosts take part that are connected to by ssh.
    type: str
    choices: [direct, cascade]
    default: direct
    version_added: 0.2.0
  peer_address:
    description:
      - The address or name at which the other hosts reach the host of the task, for O(topology=cascade).
      - When not set, the one that Ansible connects to, as the inventory has it.
    type: str
    version_added: 0.2.0
  nix_options:
    description:
      - Settings of Nix for the copying side, by name as in C(nix.conf). They reach it in E(NIX_CONFIG), after those that
        are there, and appear on no command line.
    type: dict
    default: {}
  retries:
    description:
      - How many more times to try after the connection broke during the copy. What has arrived is not sent again.
    type: int
    default: 3
  delay:
    description:
      - Seconds to wait before each of these.
    type: float
    default: 5
  timeout:
    description:
      - Seconds without a keepalive from the target after which the connection is taken to be broken.
      - The target ends its part of the copy by itself after twice as many seconds without a keepalive from the
        controller.
    type: float
    default: 60
  progress_timeout:
    description:
      - Seconds in which nothing is sent and the target says nothing, although it sends keepalives, after which the copy is
        ended and the task fails. V(0) is for no limit.
      - A target waits so for the lock of a path that somebody else copies to it.
    type: float
    default: 600
    version_added: 0.2.0
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Lists each path that is copied, with its size.
  idempotent:
    support: full
    details:
      - A target that has the paths answers in one round trip, and nothing else is started.
requirements:
  - Nix 2.24 or newer on both sides.
  - With ssh, OpenSSH's sshd on the target, which must be allowed to forward sockets (C(AllowStreamLocalForwarding),
    on by default).
notes:
  - Works with the connection plugins P(ansible.builtin.ssh#connection) and P(ansible.builtin.local#connection).
  - The paths that were copied last for an inventory host are kept from the garbage collector of the target, by a link
    below C(/var/lib/nix.fleet/gcroots/copied), or C(~/.local/state/nix.fleet/gcroots/copied) of an unprivileged
    user.
seealso:
  - module: nix.fleet.nix_build
  - module: nix.fleet.nix_activate
"""

EXAMPLES = r"""
- name: Push what was built on the controller
  nix.fleet.nix_copy_closure:
    paths: "{{ built.out_path }}"

- name: Push what homelab has built to a host that only the controller can reach
  nix.fleet.nix_copy_closure:
    paths: "{{ built.out_path }}"
    source_host: homelab

- name: Copy to a login with sudo over a slow line, and let the target fetch from its binary caches what they have
  nix.fleet.nix_copy_closure:
    paths:
      - "{{ built.out_path }}"
    substitute_on_destination: true
    compression: true
  become: true

- name: Copy to four hosts at a time over a line that is shared with others
  nix.fleet.nix_copy_closure:
    paths: "{{ built.out_path }}"
  throttle: 4

- name: Let a fleet spread among its hosts what they have in common
  nix.fleet.nix_copy_closure:
    paths: "{{ built.out_path }}"
    topology: cascade
    peer_address: "{{ private_address }}"

- name: Take signed paths only
  nix.fleet.nix_copy_closure:
    paths: "{{ built.out_path }}"
    check_signatures: true

- name: See what would be copied
  nix.fleet.nix_copy_closure:
    paths: "{{ built.out_path }}"
  check_mode: true
  diff: true
"""

RETURN = r"""
copied_paths:
  description:
    - The store paths that have come from the source or from other hosts, or in check mode those that the target lacks.
    - A path that was on its way when the copy was interrupted, and that was there before it went on, is not one of them.
  type: list
  elements: str
  returned: success
  sample: ["/nix/store/w5pa9fkvm8yhpjcyb3gaw1pmdks51z4h-bash-5.2"]
copied_count:
  description: The number of RV(copied_paths).
  type: int
  returned: success
  sample: 1
copied_bytes:
  description: The size of RV(copied_paths) in bytes, as archives before compression.
  type: int
  returned: success
  sample: 1654320
served_by:
  description: How many of RV(copied_paths) came from which other host.
  type: dict
  returned: success
  sample: {"vps-sg-1": 40}
  version_added: 0.2.0
served_bytes:
  description: The size of these paths in bytes. The source sent the rest of RV(copied_bytes).
  type: int
  returned: success
  sample: 0
  version_added: 0.2.0
substituted_paths:
  description: The store paths that the target fetched from its substituters.
  type: list
  elements: str
  returned: success
  sample: []
msg:
  description: What happened, or why not, in a few words.
  type: str
  returned: always
  sample: 12 paths, 4.1 MiB copied
host:
  description: The host that it failed for.
  type: str
  returned: failure
stage:
  description: What failed, in one word.
  type: str
  returned: failure
  sample: copy
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: copy.failed
cause:
  description: Why it failed, in one sentence.
  type: str
  returned: failure
  sample: the disk is full
command:
  description:
    - The command that failed, such that it can be given by hand. Of a copy it names the host's store as ssh reaches it, in
      place of the socket that was there for the length of the copy.
  type: str
  returned: failure of a command
  sample: nix copy --to ssh-ng://vps-1 /nix/store/w5pa9fkvm8yhpjcyb3gaw1pmdks51z4h-bash-5.2
log:
  description: The last lines that it printed.
  type: str
  returned: failure, if it printed something
  sample: "error: writing to file: No space left on device"
advice:
  description: What to do next.
  type: str
  returned: failure, where something can be advised
  sample: build it there first, or name the machine that has it as `source_host`
"""
