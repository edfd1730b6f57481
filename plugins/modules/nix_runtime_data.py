# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_runtime_data
short_description: Give a running service its data, without a new system
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Puts files in place that a running service reads, such as a list of domains, virtual hosts or switches, and has the service reload
    them. Nothing is evaluated, built or activated.
  - The files of a task belong together. Each is written beside the old one and validated there; then all of them take the places of the
    old ones, each in one step; then the whole is tested, the service reloads, and its health is asked. When any of this fails, the old
    files are put back, the service reloads once more if it had seen the new ones, and the task fails.
  - All of this is one script on the machine, which goes on when the connection is gone. A run that was killed, or cut off by a power cut,
    has left the old files beside the new ones, and the next run returns to them before it does anything else.
  - The machine needs a POSIX shell, and no Python.
options:
  files:
    description:
      - The files.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - Where it is on the machine, an absolute path. Its directory is made if it is missing, and must be in nobody's hands but those
            of root and of the user of the task.
        type: str
        required: true
      content:
        description:
          - What it holds, a text. Make one of data by C(to_nice_json) or C(to_nice_yaml).
        type: raw
      file:
        description:
          - A file on the controller that holds it, as an alternative to O(files[].content). It may be one of Ansible Vault.
        type: path
      owner:
        description:
          - Its user, by name or number. By default, the user of the task.
        type: str
      group:
        description:
          - Its group, by name or number. By default, that of the user of the task.
        type: str
      mode:
        description:
          - Its mode, in quotes. By default, V(0644).
        type: raw
      secret:
        description:
          - Whether what it holds is for no eyes. It is then shown in no difference.
        type: bool
        default: false
      validate:
        description:
          - A command that looks at the new file before it is in its place, a list of words or a line for C(sh). V(%s) in it stands for
            the file.
          - It is not run in check mode, in which nothing is written.
        type: raw
      state:
        description:
          - Whether the file is to be there.
        type: str
        choices: [present, absent]
        default: present
  test:
    description:
      - A command that looks at the whole when all files are in place and the service has seen none of them, such as C(nginx -t). A list of
        words or a line for C(sh).
    type: raw
  reload:
    description:
      - The command that has the service read its files, such as C(systemctl reload nginx). It is run only when a file changed. What it
        leaves running in the background is ended with it, unless that is a service manager's.
    type: raw
  health:
    description:
      - A command that succeeds when the service is healthy. It is asked every second until it does, for O(health_within) seconds.
    type: raw
  health_within:
    description:
      - For how many seconds O(health) may fail.
    type: int
    default: 10
  timeout:
    description:
      - After how many seconds each command is ended, and has failed.
    type: int
    default: 60
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: full
    details:
      - Commands are not run, so that data which would turn out not to be valid are a change like any other.
  diff_mode:
    support: full
    details:
      - What a file with O(files[].secret) holds is left out, and so is what the machine has when that is more than 64 KiB.
  idempotent:
    support: full
seealso:
  - module: nix.fleet.nix_keys
    description: Secrets that services read when they start, in memory.
"""

EXAMPLES = r"""
- name: Serve these domains from now on
  nix.fleet.nix_runtime_data:
    files:
      - path: /var/lib/site/vhosts.conf
        content: "{{ lookup('ansible.builtin.template', 'vhosts.conf.j2') }}"
    test: [nginx, -t]
    reload: systemctl reload nginx
    health: curl --silent --fail http://127.0.0.1/health

- name: Turn a switch, which the service validates itself
  nix.fleet.nix_runtime_data:
    files:
      - path: /var/lib/shop/switches.json
        content: "{{ switches | to_nice_json }}"
        owner: shop
        validate: [shop, check-switches, "%s"]
    reload: [systemctl, reload, shop]
"""

RETURN = r"""
msg:
  description: What became of the data, in one sentence.
  returned: always
  type: str
files:
  description: The files that changed, or would.
  returned: when the machine answered
  type: list
  elements: dict
  contains:
    path:
      description: Where it is.
      type: str
    changes:
      description: What changed of it, C(created), C(content), C(mode), C(owner), C(group), or C(removed).
      type: list
      elements: str
  sample: [{"path": "/var/lib/site/vhosts.conf", "changes": ["content"]}]
recovered:
  description: Files that an earlier run had left, and that were returned to what they were before it, or that the service may not have read.
  returned: when the machine answered
  type: list
  elements: str
reloaded:
  description: Whether the service has taken new files, and is healthy.
  returned: when the machine answered
  type: bool
restored:
  description: Whether the old files were put back.
  returned: failure
  type: bool
stage:
  description: What failed, in one word.
  returned: failure
  type: str
  sample: data
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: data.failed
cause:
  description: Why.
  returned: failure
  type: str
log:
  description: The end of what the command printed that failed.
  returned: failure, if it printed anything
  type: str
advice:
  description: What to do about it.
  returned: failure
  type: str
"""
