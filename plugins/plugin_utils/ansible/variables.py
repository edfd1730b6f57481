# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's variables: as plain values, as another host of the play has them, and those that a role does not know."""

from __future__ import annotations

import difflib
import re
import typing as t
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.module_utils.common.yaml import yaml_load
from ansible.template import Templar

from ..core.errors import VariablesError

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .action import NixAction

OURS = "nix.fleet."


def plain(value: t.Any) -> t.Any:
    """Return ``value`` without the subclasses that ansible-core 2.19 and later tag strings and containers with.

    Tagged strings pass for ``str`` in most places but not for ``type(x) is str``, YAML dumpers or dictionary keys
    written to disk; nothing below the border to Ansible should have to know.
    """
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return "".join(value)
    return value


def templates_of(task: t.Any, options: Iterable[str]) -> dict[str, t.Any]:
    """Return those of ``options`` that a task is written with, before Ansible rendered them for its host."""
    written = task.get_ds() or {}
    given = written.get(task.action)
    templates = {name: given[name] for name in options if name in given} if isinstance(given, dict) else {}
    if "delegate_to" in written:
        templates["delegate_to"] = written["delegate_to"]
    return templates


def rendered_for(action: NixAction, host: str, templates: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return ``templates`` as the task of ``host``, another one of the play, has them; one without a value is left out."""
    task = action._task
    every = action.variables
    variables = task.get_variable_manager().get_vars(
        play=task.get_play(),
        host=every["hostvars"]._inventory.get_host(host),
        task=task,
        # Each host would find them out anew.
        _hosts=every.get("ansible_play_hosts"),
        _hosts_all=every.get("ansible_play_hosts_all"),
    )
    templar = Templar(action._loader, variables)
    values = {}
    for name, template in templates.items():
        try:
            # In a dictionary: ansible-core 2.19 and later leave out of one what is omitted, and refuse to render it by itself.
            rendered = plain(templar.template({name: template}))
        except AnsibleError:
            # Its own task will say what is wrong with it.
            continue
        if name in rendered and rendered[name] != variables.get("omit"):
            values[name] = rendered[name]
    return values


def validate_variables(action: NixAction) -> None:
    """Raise ``VariablesError`` for variables that begin as those of the task's role do, and are none of them.

    Ansible overlooks a misspelt name, and takes the default.
    """
    role = action._task._role
    if role is None or not role.get_name().startswith(OURS):
        return
    name = role.get_name().removeprefix(OURS)
    path = Path(role._role_path)
    unknown = _unknown(name, path, action.variables)
    if unknown:
        # What all have in common would make any two alike.
        known = [each.removeprefix(f"{name}_") for each in _specified(path)]
        nearest = {each: difflib.get_close_matches(each.removeprefix(f"{name}_"), known, n=1) for each in unknown}
        raise VariablesError(
            "; ".join(
                f"{each} is no variable of the role {role.get_name()}" + (f"; {name}_{near[0]} is one" if near else "")
                for each, near in nearest.items()
            ),
            code="unknown",
            host=action.play_host,
            advice=f"correct the name, or give a variable of your own a name that does not begin with {name}_"
            f" (ansible-doc -t role {role.get_name()} has all that there are)",
            nearest={each: f"{name}_{near[0]}" for each, near in nearest.items() if near},
        )


def _unknown(name: str, role: Path, given: Iterable[str]) -> list[str]:
    """Return which of ``given`` begin with the role's name, and stand nowhere in its files, as its results do."""
    prefix = f"{name}_"
    candidates = {each for each in given if each.startswith(prefix)}
    for file in sorted(role.glob("*/*.yml")) if candidates else ():
        candidates.difference_update(re.findall(rf"\b{prefix}\w+", file.read_text(encoding="utf-8")))
    return sorted(candidates)


def _specified(role: Path) -> list[str]:
    text = (role / "meta/argument_specs.yml").read_text(encoding="utf-8")
    return [name for entry in yaml_load(text)["argument_specs"].values() for name in entry["options"]]
