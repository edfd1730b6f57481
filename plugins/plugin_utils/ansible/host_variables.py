# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task's variables as another host of the play would see them."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError
from ansible.template import Templar

from .plain import plain

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from .action import NixAction


def variables_of(action: NixAction, host: str, names: Iterable[str]) -> dict[str, t.Any]:
    """Return the values of the variables ``names`` of ``host``; one that is not set, or has no value, is left out.

    `hostvars` has what the inventory and facts say of a host. What the play and the role say, which may be told of each
    host in terms of its other variables, is known here only.
    """
    task = action._task
    every = action.variables
    known = task.get_variable_manager().get_vars(
        play=task.get_play(),
        host=every["hostvars"]._inventory.get_host(host),
        task=task,
        # Each host would find them out anew.
        _hosts=every.get("ansible_play_hosts"),
        _hosts_all=every.get("ansible_play_hosts_all"),
    )
    templar = Templar(action._loader, known)
    values = {}
    for name in names:
        try:
            if name in known:
                values[name] = plain(templar.template(known[name]))
        except AnsibleError:
            # Its own task will say what is wrong with it.
            continue
    return values
