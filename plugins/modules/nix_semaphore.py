# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_semaphore
short_description: Have a server of Semaphore hold a project
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Makes a project's keys, repositories, inventories, variable groups, views, templates and schedules by Semaphore's API, and changes
    those that differ. Nothing is removed, and what the project does not name of an object is left as it is.
  - Objects are told from each other by their names. The playbook C(nix.fleet.semaphore_setup) has one for a fleet.
  - The requests come from the controller, whatever host the task is for.
options:
  url:
    description:
      - Where the server is, without C(/api).
    type: str
    required: true
  token:
    description:
      - A token of a user who may make the project, or is an owner or manager of it.
    type: str
    required: true
  project:
    description:
      - The project, in the form of its file. What C(semaphore project export) writes and C(semaphore project import) reads.
      - Two objects of one kind and name are an error, here and on the server.
      - Of its parts C(meta), C(keys), C(repositories), C(inventories), C(environments), C(views), C(templates) and C(schedules) are
        used.
    type: dict
    required: true
  secrets:
    description:
      - What keys hold, by their names. Each is a dictionary with C(ssh) (C(login), C(passphrase), C(private_key)) or
        C(login_password) (C(login), C(password)).
      - A key that holds something already is left as it is, and one that is empty is filled. One that is missing and not in
        here is not made. A server on BoltDB does not say which are empty, see O(replace_keys).
    type: dict
    default: {}
  replace_keys:
    description:
      - Whether keys get what O(secrets) has for them also where they hold something. A server tells nobody what that is, so that
        this counts as a change each time.
    type: bool
    default: false
    version_added: 0.2.0
  timeout:
    description:
      - Seconds to wait for each answer.
    type: float
    default: 30
  validate_certs:
    description:
      - Whether to accept the server's certificate only when it is valid.
    type: bool
    default: true
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Of variables the names are shown, and no value.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Have the server hold what was exported from another one
  nix.fleet.nix_semaphore:
    url: https://semaphore.example
    token: "{{ semaphore_token }}"
    project: "{{ lookup('ansible.builtin.file', 'fleet.json') | from_json }}"
    secrets:
      Fleet machines:
        ssh:
          login: ""
          passphrase: ""
          private_key: "{{ fleet_key }}"
  delegate_to: localhost
"""

RETURN = r"""
msg:
  description: How much was made and changed, or what went wrong, in one sentence.
  returned: always
  type: str
made:
  description: What was made, or would be, each by kind and name.
  returned: success
  type: list
  elements: str
  sample: ["templates deploy"]
updated:
  description: What was changed, or would be.
  returned: success
  type: list
  elements: str
  sample: ["repositories Fleet"]
stage:
  description: What failed, in one word.
  returned: failure
  type: str
  sample: semaphore
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: semaphore.failed
cause:
  description: What the server, or the connection to it, said.
  returned: failure
  type: str
log:
  description: The server's answer.
  returned: failure, if there was one
  type: str
advice:
  description: What to do about it.
  returned: failure, where something can be advised
  type: str
"""
