# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's variables: as plain values, as another host of the play has them, and those that a role does not know."""

from __future__ import annotations

import difflib
import functools
import os
import re
import typing as t
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.module_utils.common.yaml import yaml_load
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.template import Templar

from ..core.errors import NixError
from ..run_state.job import job_of, variables_of_jobs

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..run_state.job import Job
    from .action import NixAction

OURS = "nix.fleet."
# The host variable that names where a machine keeps the journal, where the usual place does not survive a reboot.
STATE_DIRECTORY = "nix_fleet_state_directory"
# As a colmena hive says it, by meta.allowApplyAll = false.
NAMED_ONLY = "deploy_require_limit"
# What the play of the playbook `deploy` has that asks.
ASKS = "fleet_asks"
# Found out when Ansible loads an action, before it forks: a worker has no standard input.
ANSWERS = os.isatty(0)
# Words that anybody may begin a variable with: only what is nearly one of ours was meant to be.
ANYBODYS = tuple(
    f"{each}_" for each in "awx build cache channel diff fleet import keys pull semaphore status update".split()
)
ROLES, PLAYBOOKS = (Path(__file__).resolve().parents[3] / each for each in ("roles", "playbooks"))


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


def job_here(action: NixAction) -> Job | None:
    """Return the job of which the task's run is a part, or None where no server runs it."""
    return job_of(plain(variables_of_jobs(action.variables)), os.environ)


def validate_limit(action: NixAction) -> None:
    """Raise ``NixError`` for a host that is to be named, in a run of a playbook without a limit."""
    every, host = action.variables, action.play_host
    if every.get("ansible_limit") or every.get("ansible_check_mode"):
        return
    # The template of a value, which most hosts have none of, before the value.
    if not every.get(NAMED_ONLY) or not getattr(action._task, "_parent", None):
        return
    if boolean(every["hostvars"][host].get(NAMED_ONLY, False), strict=False):
        raise NixError(
            "it is left alone unless hosts are named, and this run has no limit",
            code="no_limit",
            host=host,
            advice=f"name them (-l web, or -l all), or set {NAMED_ONLY}: false",
        )


def validate_question(action: NixAction) -> None:
    """Raise ``NixError`` in the play that asks before it deploys (``deploy_ask``), where nobody can be asked."""
    if ASKS not in action.variables:
        return
    job = job_here(action)
    if job or os.environ.get("CI") or not ANSWERS:
        raise NixError(
            f"deploy_ask needs somebody at a terminal, and this is {job.name if job else 'run without one'}",
            code="ask.nobody",
            host=action.play_host,
            advice="leave it out here (-e deploy_ask=false)",
        )


def validate_variables(action: NixAction) -> None:
    """Raise ``NixError`` for variables that begin as those of the task's roles or playbook do, and are none of them.

    Ansible overlooks a misspelt name, and takes the default.
    """
    for prefix, path in _owners(action._task).items():
        if prefix == "awx_" and "awx_job_id" in action.variables:
            # Its jobs have many of these from AWX itself.
            continue
        candidates = {each for each in action.variables if each.startswith(prefix)}
        # The results of its tasks stand in its files too.
        unknown = sorted(candidates - _named(prefix, path) if candidates else ())
        if prefix in ANYBODYS:
            # What all have in common would make any two alike.
            words = [each.removeprefix(prefix) for each in _named(prefix, path)]
            unknown = [
                each for each in unknown if difflib.get_close_matches(each.removeprefix(prefix), words, cutoff=0.8)
            ]
        if unknown:
            raise _unknown(unknown, prefix, path, action.play_host)


def _owners(task: t.Any) -> dict[str, Path]:
    """Return how variables begin that may be for ``task``, each with the files that name those that there are."""
    roles = [task._role, *task._role.get_parents()] if task._role else []
    owners = {
        f"{each.get_name().removeprefix(OURS)}_": Path(each._role_path)
        for each in roles
        if each.get_name().startswith(OURS)
    }
    # A task by itself, as `ansible -m` has it, is of no file.
    play = task.get_play() if getattr(task, "_parent", task) else None
    file = Path(play.get_path().rpartition(":")[0] if play else "").resolve()
    if file.parent == PLAYBOOKS:
        owners["fleet_"] = PLAYBOOKS
        prefix = f"{file.stem.removesuffix('_setup')}_"
        if prefix not in owners:
            # Where a playbook has no role of its name, its variables are those of a deployment.
            owners[prefix] = PLAYBOOKS if _named(prefix, PLAYBOOKS) else ROLES / "deploy"
        if not roles:
            owners.setdefault("deploy_", ROLES / "deploy")
    return owners


def _named(prefix: str, path: Path) -> set[str]:
    return {word for word in _words(path.resolve()) if word.startswith(prefix)}


@functools.cache
def _words(path: Path) -> frozenset[str]:
    texts = (file.read_text(encoding="utf-8") for file in path.rglob("*.yml"))
    return frozenset(word for text in texts for word in re.findall(r"\w+", text))


# When Ansible loads an action, before it forks: each worker would read them anew.
for _each in (PLAYBOOKS, *ROLES.iterdir()):
    _words(_each)


def _unknown(names: list[str], prefix: str, path: Path, host: str) -> NixError:
    specification = path / "meta/argument_specs.yml"
    whose = "playbooks" if prefix in ANYBODYS else f"playbook {OURS}{prefix[:-1]}"
    own, known = prefix, sorted(_named(prefix, path))
    if specification.is_file():
        own, whose, known = f"{path.name}_", f"role {OURS}{path.name}", _specified(specification)
    words = [each.removeprefix(own) for each in known]
    nearest = {each: difflib.get_close_matches(each.removeprefix(own), words, n=1) for each in names}
    return NixError(
        "; ".join(
            f"{each} is no variable of the {whose}" + (f"; {own}{near[0]} is one" if near else "")
            for each, near in nearest.items()
        ),
        code="variables.unknown",
        host=host,
        advice=f"correct the name, or give a variable of your own a name that does not begin with {prefix}"
        + (f" (`ansible-doc -t {whose}` has all that there are)" if specification.is_file() else ""),
        nearest={each: f"{own}{near[0]}" for each, near in nearest.items() if near},
    )


def _specified(specification: Path) -> list[str]:
    entries = yaml_load(specification.read_text(encoding="utf-8"))["argument_specs"].values()
    return [name for entry in entries for name in entry["options"]]
