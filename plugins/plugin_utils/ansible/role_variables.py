# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a task's role: none that the role does not know, and each as its argument specification has it.

Ansible overlooks the former. It checks the latter in a task of its own, which costs a host as much as any other, and renders every variable anew. Here
those are rendered alone that somebody has set.
"""

from __future__ import annotations

import difflib
import re
import typing as t
from pathlib import Path

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.yaml import yaml_load
from ansible.module_utils.parsing.convert_bool import boolean

from ..core.errors import VariablesError
from .deploy_variables import Around, objections
from .plain import plain

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .action import NixAction

OURS = "nix.fleet."


def refuse_unknown_variables(action: NixAction) -> None:
    """Raise ``VariablesError`` for variables that begin as those of the task's role do, and are none of them.

    A misspelt name would be overlooked, and its default taken.
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
            host=action.play_host,
            advice=f"correct the name, or give a variable of your own a name that does not begin with {name}_"
            f" (ansible-doc -t role {role.get_name()} has all that there are)",
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


def see_that_role_variables_fit(action: NixAction) -> None:
    """Raise ``VariablesError`` for the variables that are not as ``meta/argument_specs.yml`` of the task's role has them.

    Only where the task wants it (``validate_role``).
    """
    role = action._task._role
    if role is None or not boolean(action._task.args.get("validate_role", False), strict=False):
        return
    given = _set_by_somebody(action.variables, role.get_default_vars())
    if not given:
        return
    specification = _specification(Path(role._role_path), str(role._from_files.get("tasks", "main")))
    values = action._templar.template({name: value for name, value in given.items() if name in specification})
    values = plain(values)
    fitting = ArgumentSpecValidator(specification).validate(values)
    advice = f"ansible-doc -t role {role.get_name()} says what each variable is"
    # To Ansible, a variable without a value fits every type.
    empty = [name for name in values if values[name] is None and specification[name].get("type") == "list"]
    unfit = [
        *fitting.error_messages,
        *(f"{name} is empty, and not a list: [] is an empty one" for name in empty),
    ]
    if unfit:
        raise VariablesError("; ".join(unfit), host=action.play_host, advice=advice)
    set_values = {name: fitting.validated_parameters[name] for name in values}
    wrong = objections(set_values, Around(action.variables["hostvars"], action.variables["playbook_dir"]))
    if wrong:
        raise VariablesError(
            "; ".join(error.cause for error in wrong),
            host=action.play_host,
            advice="; ".join(dict.fromkeys(error.advice or advice for error in wrong)),
        )


def _specification(role: Path, entry_point: str) -> dict[str, t.Any]:
    text = (role / "meta/argument_specs.yml").read_text(encoding="utf-8")
    options: dict[str, t.Any] = yaml_load(text)["argument_specs"][entry_point.partition(".")[0]]["options"]
    return options


def _set_by_somebody(variables: Mapping[str, t.Any], defaults: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the variables that have another value than the role's default; each of its variables has one."""
    return {name: variables[name] for name, default in defaults.items() if variables.get(name, default) != default}
