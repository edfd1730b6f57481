# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nix_health
short_description: See that a host does what it is there for
version_added: 0.2.0
author:
  - nix.fleet contributors (!UNKNOWN)
description:
  - Makes checks of a host until all of them hold, and fails when they do not in time. It changes nothing.
  - A check is of systemd's units, of a web page, of a TCP port, or of what a command on the host says.
  - The checks that the host makes itself go there together, in one round trip a look. Those of the controller are made
    meanwhile. The host needs a POSIX shell, and no Python.
  - A host that cannot be reached is a host whose checks do not hold. The task fails then, as it does for any other
    check, so that a C(rescue) can answer to it; the host does not become unreachable.
options:
  checks:
    description:
      - The checks. Each has exactly one of O(checks[].units), O(checks[].http), O(checks[].port) and O(checks[].command).
      - They are looked at before anything runs. What makes no sense fails the task at once.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - What the check is called in messages and results. The default is what it is about.
        type: str
      timeout:
        description:
          - After how many seconds one look has failed.
        type: int
        default: 10
      units:
        description:
          - Units of systemd that must be active. A name without a dot is that of a service.
          - With V(all) instead, no unit of the machine may have failed.
          - It is for machines that systemd runs. Any other one fails the check at once.
        type: list
        elements: str
      except:
        description:
          - With O(checks[].units=all), the units that may have failed. Shell patterns, such as V(backup-*.service).
        type: list
        elements: str
      http:
        description:
          - The URL of a web page, which the controller fetches with GET. Redirects are followed, unless O(checks[].status) has only
            such as are redirects.
        type: str
      status:
        description:
          - The statuses that O(checks[].http) may answer with. The default is V(200).
        type: list
        elements: int
      contains:
        description:
          - A text that the page of O(checks[].http), or the output of O(checks[].command), must contain. The first MiB of it is
            searched.
        type: str
      headers:
        description:
          - Headers to send with O(checks[].http).
        type: dict
      validate_certs:
        description:
          - Whether the certificate of O(checks[].http) must be valid. It must, by default.
        type: bool
      port:
        description:
          - A TCP port at which the controller must be able to connect.
        type: int
      host:
        description:
          - The name or address that O(checks[].port) is tried at.
          - The default is where Ansible connects to, which for a host reached over ssh is what ssh's configuration makes of it.
        type: str
      command:
        description:
          - A command that the host runs, as the user that the task becomes. A line is given to C(sh); the words of a list are run
            as they are.
          - It must do no more than look. It gets no input, and what it leaves running is ended.
          - In check mode it is not run, and the check counts neither way. With C(check_mode=false) for the task, it is.
        type: raw
      rc:
        description:
          - The exit codes that O(checks[].command) may end with. The default is V(0).
        type: list
        elements: int
  look:
    description:
      - Whether to look. With V(false) the checks are read and nothing else, which tells what is wrong with them before a
        machine is touched.
    type: bool
    default: true
  within:
    description:
      - Within how many seconds all checks must hold, at the same time. Until then they are made again and again.
      - With V(0) they are made once.
    type: float
    default: 10.0
  stable_for:
    description:
      - For how many seconds they must then keep holding. One that does not, even once, fails the task at once.
    type: float
    default: 0.0
  interval:
    description:
      - The pause between two looks, in seconds.
    type: float
    default: 2.0
extends_documentation_fragment:
  - nix.fleet._attributes
  - nix.fleet._attributes.actiongroup_nix
attributes:
  check_mode:
    support: partial
    details:
      - It only looks, and does so in check mode too. A command of the user's is not run then, since nobody knows what it does.
  diff_mode:
    support: N/A
    details:
      - This action does not modify state.
  idempotent:
    support: full
    details:
      - This action does not modify state.
requirements:
  - systemd on the target for O(checks[].units)
notes:
  - Of the target it needs only a POSIX shell, and not Nix.
  - The URL and the command are part of messages. Where they have secrets in them, give the check a O(checks[].name); a user and a
    password in a URL are left out, and headers are never shown.
  - A command line is seen by all users of the target for as long as it runs.
seealso:
  - module: nix.fleet.nix_activate
  - module: nix.fleet.nix_confirm
"""

EXAMPLES = r"""
- name: See that the web server serves
  nix.fleet.nix_health:
    checks:
      - units: nginx
      - http: "https://{{ inventory_hostname }}/"
        contains: Welcome
      - port: 22

- name: See that no unit has failed, but for the backup
  nix.fleet.nix_health:
    checks:
      - units: all
        except: backup-*.service
    within: 0

- name: See that what only the host itself can see is well, and stays so for a minute
  nix.fleet.nix_health:
    checks:
      - name: the application
        command: [curl, --silent, --show-error, --fail, "http://localhost:8080/health"]
      - name: the database
        command: pg_isready --quiet
      - name: the queue
        command: [rabbitmqctl, await_startup]
        timeout: 30
    within: 60
    stable_for: 60
    interval: 5
  become: true

- name: Go back when the checks do not hold
  block:
    - name: See that the page redirects
      nix.fleet.nix_health:
        checks:
          - http: "http://{{ inventory_hostname }}/"
            status: [301, 308]
  rescue:
    - name: Return to the generation before
      nix.fleet.nix_activate:
        rollback: previous
"""

RETURN = r"""
msg:
  description: That the checks hold, or which of them do not, and why.
  type: str
  returned: always
  sample: "web-1: health: 1 of 3 checks does not hold after 10 s: units nginx: nginx.service is failed (exit-code)"
checks:
  description: What the last look found, for each check.
  type: list
  elements: dict
  returned: when the checks were made
  contains:
    name:
      description: What the check is called.
      type: str
    held:
      description: Whether it held. Null for a command that check mode did not run.
      type: bool
    text:
      description: What was seen, or why it does not hold.
      type: str
    seconds:
      description: When it began to hold, counted from the first look. For one that does not hold, how long it was tried.
      type: float
    output:
      description: The last lines of what the command or the page said, of a check that does not hold.
      type: str
  sample:
    - name: units nginx
      held: true
      text: "active: nginx.service"
      seconds: 2.1
looks:
  description: How many times the checks were made.
  type: int
  returned: when the checks were made
seconds:
  description: How long it took.
  type: float
  returned: when the checks were made
host:
  description: The host that it failed for.
  type: str
  returned: failure
stage:
  description: What failed, in one word.
  type: str
  returned: failure
  sample: health
code:
  description: What failed, as a code that stays the same whatever the words are.
  type: str
  returned: failure
  sample: health.failed
cause:
  description: Which checks do not hold and why, in one sentence.
  type: str
  returned: failure
log:
  description: The last lines of what the checks that do not hold printed.
  type: str
  returned: failure, if they printed something
advice:
  description: What to do next.
  type: str
  returned: failure, where something can be advised
"""
