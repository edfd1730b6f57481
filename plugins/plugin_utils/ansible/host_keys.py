# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether ssh would notice that another machine answers than the one that is meant.

Servers that run jobs have reasons of their own to switch that off (Semaphore: ANSIBLE_HOST_KEY_CHECKING=False in the
environment of each task, which beats ansible.cfg), and a deployment hands over root.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean

from ..core.errors import UnknownHostError

if t.TYPE_CHECKING:
    from .action import NixAction

CONSENT = "fleet_allow_unknown_hosts"


def see_that_host_keys_are_checked(action: NixAction) -> None:
    """Raise ``UnknownHostError`` where the task's connection believes any machine, and nobody has consented to that."""
    if _checked(action._connection) or _consented(action):
        return
    raise UnknownHostError(
        "the host's key is not checked, so that any machine could answer in its place: host_key_checking is off",
        advice=f"set ANSIBLE_HOST_KEY_CHECKING=True (which beats ansible.cfg) or ansible_host_key_checking: true, and have "
        f"the host's key in known_hosts; or set {CONSENT}: true for hosts that may be anybody",
    )


def _checked(connection: t.Any) -> bool:
    try:
        return boolean(connection.get_option("host_key_checking"), strict=False)
    except (KeyError, AnsibleError):
        # Connections without such keys: local, containers.
        return True


def _consented(action: NixAction) -> bool:
    of_host = action.variables if action.host == action.play_host else action.variables["hostvars"].get(action.host, {})
    return boolean(action._templar.template(of_host.get(CONSENT, False)), strict=False)
