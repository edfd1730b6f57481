# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluation of a task's host along with the others of the play: from a task's options to the fields of its result."""

from __future__ import annotations

import math
import os
import time
import typing as t
from pathlib import Path

from ansible.module_utils.common.text.formatters import human_to_bytes
from ansible.playbook.task_include import TaskInclude

from ..activation.job import job_of, variables_of_jobs
from ..core.errors import EvaluationError, NixError
from ..evaluation.evaluation_budget import LEAST_MEMORY
from ..evaluation.evaluation_result import Failed
from ..evaluation.revision import named_revisions
from ..evaluation.shared_evaluation import SharedEvaluation
from ..evaluation.task_evaluation import Request
from ..nix.store import store_path_name
from .action import warnings_of
from .caches import usable_caches
from .source import SOURCE_OPTIONS
from .variables import plain, rendered_for, templates_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..nix.machine import Machine
    from ..nix.source import Snapshot, Source
    from .action import NixAction

EVALUATION_OPTIONS: dict[str, t.Any] = {
    "attr": {"type": "str"},
    "whole_play": {"type": "bool", "default": False},
    "eval_memory": {"type": "str"},
    "timeout": {"type": "int"},
    "revision": {"type": "list", "elements": "str", "default": []},
}


def evaluated(
    action: NixAction,
    options: dict[str, t.Any],
    source: Source,
    machine: Machine,
    *,
    apply: str | None = None,
    prepare: Callable[[Source], Source] | None = None,
) -> dict[str, t.Any]:
    """Return what came of the evaluation of ``source`` on ``machine``, which other tasks of the play may have begun.

    ``prepare`` is that of ``SharedEvaluation``. Raises ``NixError``.
    """
    begin = time.monotonic()
    try:
        revisions, memory = named_revisions(options["revision"]), _memory(options["eval_memory"])
    except NixError as error:
        # The play host's variables are wrong, whichever machine was to evaluate them.
        error.host = error.host or action.play_host
        raise
    attribute = options["attr"] or ""
    caches = usable_caches()
    shared = SharedEvaluation(
        Request(source, apply, options["timeout"], memory, revisions),
        caches.used_by(machine),
        caches.evaluations,
        task=task_name(action._task),
        prepare=prepare,
    )
    answer = shared.ask(attribute, lambda: _others(action, options))
    result, snapshot = answer.result, answer.snapshot
    if isinstance(result, Failed):
        raise result.error(host=action.play_host)
    found = {"value": result.value} if apply else {"drv_path": result.drv_path, "out_path": result.out_path}
    return {
        **found,
        "attr": attribute,
        "flake_revision": snapshot.revision or _commit_of_job(action, source, snapshot),
        "flake_dirty": snapshot.dirty,
        "flake_identity": snapshot.identity,
        "flake_locked_url": snapshot.locked_url,
        "cached": answer.cached,
        **warnings_of(result.warnings, caches.warnings),
        "seconds": round(time.monotonic() - begin, 2),
        "changed": False,
        "msg": _sentence(attribute, found.get("drv_path"), cached=answer.cached),
    }


def _commit_of_job(action: NixAction, source: Source, snapshot: Snapshot) -> str | None:
    """Return the commit of a flake among the project's files, which AWX gives a job without their history."""
    flake = Path((source.flake or "").removeprefix("path:"))
    if snapshot.dirty or not flake.is_relative_to(Path.cwd()):
        return None
    job = job_of(plain(variables_of_jobs(action.variables)), os.environ)
    return job.commit if job else None


def task_name(task: t.Any) -> str:
    """Return what all hosts of this run know a task by.

    A file that is included is loaded anew for each group of hosts that get there at a time, and each has tasks of its own in
    it. What includes it is the same for all of them.
    """
    include, parent = None, task._parent
    while parent is not None:
        if isinstance(parent, TaskInclude) and not parent.statically_loaded:
            include = parent
        parent = parent._parent
    name = task._uuid if include is None else f"{include._uuid} {task.get_path()}"
    return f"{os.getppid()} {name}"


def _others(action: NixAction, options: dict[str, t.Any]) -> Iterator[str]:
    """Yield the attributes of the hosts that can be evaluated along with this one."""
    templates = templates_of(action._task, ("attr", *SOURCE_OPTIONS))
    mine = rendered_for(action, action.play_host, templates)
    mine.pop("attr", None)
    of_play = plain(action.variables["ansible_play_hosts_all"]) if options["whole_play"] else []
    for host in dict.fromkeys([*options.get("hosts", ()), *of_play]):
        if host == action.play_host:
            continue
        if host not in action.variables["hostvars"]:
            raise EvaluationError(
                f"hosts names {host}, which is not in the inventory",
                code="unknown_host",
                host=action.play_host,
                advice="give names of inventory hosts, or set whole_play for those of the play",
            )
        its = rendered_for(action, host, templates)
        wanted = its.pop("attr", None)
        if wanted and its == mine:
            yield wanted


def _memory(text: str | None) -> int | None:
    """Return the bytes that an amount of memory means, without Ansible's own words for one that is none."""
    if text is None:
        return None
    advice = "write for example 4G (deploy_eval_memory)"
    try:
        memory = int(human_to_bytes(text))
    except ValueError as error:
        raise EvaluationError(f"eval_memory is no amount of memory: {text!r}", advice=advice) from error
    if memory < LEAST_MEMORY:
        least = f"write at least {math.ceil(LEAST_MEMORY / (1 << 20))}M, for example 4G (deploy_eval_memory)"
        raise EvaluationError(f"eval_memory is too little to evaluate anything in: {text}", advice=least)
    return memory


def _sentence(attribute: str, derivation: str | None, *, cached: bool) -> str:
    """Return what came of the evaluation."""
    what = f"evaluates to {store_path_name(derivation)}" if derivation else "has a value"
    return f"{attribute or 'the expression'} {what}{', as in an earlier run' if cached else ''}"
