# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task's options that variables hold, taken from there rather than by a template for each of them.

Ansible compiles each template of each task anew for each host, and of a task with twenty options that is most of what it
costs. A variable with a plain value, as most defaults of a role are, needs no template to be read.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError

from ..core.errors import VariablesError
from .plain import plain

if t.TYPE_CHECKING:
    from .action import NixAction

OPTIONS_FROM: dict[str, t.Any] = {"options_from": {"type": "dict", "default": {}}}


def options_given(action: NixAction) -> dict[str, t.Any]:
    """Return the task's options, those that ``options_from`` finds a variable for among them.

    Raises ``VariablesError`` for a variable that has no value.
    """
    given: dict[str, t.Any] = plain(action._task.args)
    names = given.get("options_from")
    if not isinstance(names, dict):
        return given
    held = {option: _value(action, name) for option, name in names.items() if name in action.variables}
    nothing = (None, "", action.variables.get("omit"))
    return {**given, **{option: value for option, value in held.items() if value not in nothing}}


def _value(action: NixAction, name: str) -> t.Any:
    value = action.variables[name]
    if not isinstance(value, (str, list, dict)):
        return value
    try:
        # In a dictionary: ansible-core 2.19 and later leave out of one what is omitted, and refuse to render it by itself.
        return plain(action._templar.template({name: value})).get(name)
    except AnsibleError as error:
        raise VariablesError(
            f"{name} has no value: {error.message}", host=action.play_host, advice=f"set {name}"
        ) from error
