# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluation of a task's host along with the others of the play: from a task's options to the fields of its result."""

from __future__ import annotations

import dataclasses
import math
import os
import time
import typing as t
from pathlib import Path

from ansible.module_utils.common.text.formatters import human_to_bytes
from ansible.playbook.task_include import TaskInclude

from ..core.errors import EvaluationError, NixError
from ..evaluation.request import LOCK_ADVICE, EvaluationCache, Failed, Request, named_revisions, not_locked
from ..evaluation.shared import SharedEvaluation
from ..nix.command import with_settings
from ..nix.machine import Controller, Machine, Remote
from ..nix.source import Source, of_another_version
from ..nix.store import store_path_name
from .action import warnings_of_nix
from .run import run_directory, run_state
from .variables import job_here, plain, rendered_for, templates_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..nix.machine import Machine
    from .action import NixAction


# The options that say what is evaluated.
SOURCE_OPTIONS = ("flake", "file", "args", "override_inputs", "impure", "nix_options")


def machine_of(action: NixAction, options: dict[str, t.Any]) -> Machine:
    """Return the machine that the task runs on, with the settings that the options name."""
    if action.on_controller:
        return controller(action, options)
    return Remote(action.shell, options["nix_options"])


def controller(action: NixAction, options: dict[str, t.Any]) -> Controller:
    """Return the controller with the same settings, wherever the task runs."""
    return Controller(with_settings(action.environment, options["nix_options"]))


def machine_for_secrets(action: NixAction, options: dict[str, t.Any]) -> Machine:
    """Return the same, for commands with what must come to no disk there in their environment."""
    if action.on_controller:
        return machine_of(action, options)
    return Remote(action.shell_for_secrets(None, allow_disk=False), options["nix_options"])


def source_of(action: NixAction, options: dict[str, t.Any]) -> Source:
    """Return the source that the options name, on the machine that the task runs on.

    On the controller, and for what is sent from there, paths that are relative start at the playbook.
    """
    flake, file = options["flake"], options["file"]
    overrides = {name: str(reference) for name, reference in options["override_inputs"].items()}
    base = action._loader.get_basedir()
    if action.on_controller and file is not None:
        file = absolute_path(file, base)
    if action.on_controller or options["send_flake"]:
        flake = None if flake is None else absolute_flake(flake, base)
        overrides = {name: absolute_flake(reference, base) for name, reference in overrides.items()}
    return Source(
        flake=flake,
        file=file,
        expression=options["expr"],
        override_inputs=overrides,
        arguments=options["args"],
        impure=options["impure"],
        options=options["nix_options"],
    )


def absolute_flake(reference: str, base: str) -> str:
    """Return a path as an absolute one, and any other flake reference as it is.

    >>> absolute_flake("./fleet", "/srv/deploy"), absolute_flake("github:o/r", "/srv/deploy")
    ('/srv/deploy/fleet', 'github:o/r')
    """
    return absolute_path(reference, base) if reference.startswith((".", "~")) else reference


def absolute_path(path: str, base: str) -> str:
    """Return ``path`` as an absolute one.

    Links are not resolved: what a link points to may lie outside the Git repository that the link is in.
    """
    return str(Path(base, Path(path).expanduser()))


@dataclasses.dataclass(frozen=True)
class Caches:
    """Our own cache, what Nix on the controller is to find in its environment for its own, and what to warn of."""

    evaluations: EvaluationCache
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def used_by(self, machine: Machine) -> Machine:
        """Return ``machine`` with these caches, if it is the controller; another one has its own."""
        if isinstance(machine, Controller):
            return Controller({**self.environment, **machine.environment})
        return machine


def usable_caches() -> Caches:
    """Return the user's caches, or those of this run where the user's cannot be used."""
    try:
        return Caches(EvaluationCache.of_user())
    except NixError as error:
        place = run_directory() / "nix.fleet-caches"
        # Nix fetches no flake without a cache of its own.
        environment = {"XDG_CACHE_HOME": str(place)}
        # Without a host's name: Ansible shows it once.
        warning = f"{error.cause}, so that nothing is remembered for later runs; {error.advice}"
        try:
            return Caches(EvaluationCache(place / "evaluation"), environment, (warning,))
        except NixError as neither:
            raise NixError(
                f"{error.cause}, and {neither.cause}",
                code="no_cache",
                advice="make room in one of them; or name another place for caches in XDG_CACHE_HOME, or for Ansible's own files"
                " in ANSIBLE_LOCAL_TEMP",
            ) from neither


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
        revisions, memory = named_revisions(options["revision"]), memory_of(options["eval_memory"])
    except NixError as error:
        # The play host's variables are wrong, whichever machine was to evaluate them.
        error.host = error.host or action.play_host
        raise
    attribute = options["attr"] or ""
    caches = usable_caches()
    commit = commit_of_job(action, source)
    shared = SharedEvaluation(
        Request(source, apply, options["timeout"], memory, revisions, options["require_lock"], commit),
        caches.used_by(machine),
        caches.evaluations,
        run_state(),
        task=task_name(action._task),
        prepare=prepare,
    )
    answer = shared.ask(attribute, lambda: _others(action, options))
    result, snapshot = answer.result, answer.snapshot
    if isinstance(result, Failed):
        raise result.error(host=action.play_host)
    unlocked = f"{not_locked(source, snapshot)}; {LOCK_ADVICE}" if snapshot.unlocked else None
    of_flake = filter(None, (unlocked, of_another_version(result.library)))
    found = {"value": result.value} if apply else {"drv_path": result.drv_path, "out_path": result.out_path}
    return {
        **found,
        "attr": attribute,
        "flake_revision": snapshot.revision or (None if snapshot.dirty else commit),
        "flake_dirty": snapshot.dirty,
        "flake_identity": snapshot.identity,
        "flake_locked_url": snapshot.locked_url,
        "cached": answer.cached,
        **warnings_of_nix(result.warnings, (*caches.warnings, *of_flake)),
        "seconds": round(time.monotonic() - begin, 2),
        "changed": False,
        "msg": _message(attribute, found.get("drv_path"), cached=answer.cached),
    }


def commit_of_job(action: NixAction, source: Source) -> str | None:
    """Return the commit of a flake among the project's files, which AWX gives a job without their history."""
    flake = Path((source.flake or "").removeprefix("path:"))
    if not flake.is_relative_to(Path.cwd()):
        return None
    job = job_here(action)
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
    for host in of_play:
        if host == action.play_host:
            continue
        its = rendered_for(action, host, templates)
        wanted = its.pop("attr", None)
        if wanted and its == mine:
            yield wanted


def memory_of(text: str | None) -> int | None:
    """Return the bytes that an amount of memory means, without Ansible's own words for one that is none."""
    if text is None:
        return None
    # Of a run's processes only the one that evaluates needs it otherwise.
    from ..evaluation.evaluator import LEAST_MEMORY

    advice = "write for example 4G (deploy_eval_memory)"
    try:
        memory = int(human_to_bytes(text))
    except ValueError as error:
        raise EvaluationError(
            f"eval_memory is no amount of memory: {text!r}", code="no_memory", advice=advice
        ) from error
    if memory < LEAST_MEMORY:
        least = f"write at least {math.ceil(LEAST_MEMORY / (1 << 20))}M, for example 4G (deploy_eval_memory)"
        raise EvaluationError(
            f"eval_memory is too little to evaluate anything in: {text}", code="little_memory", advice=least
        )
    return memory


def _message(attribute: str, derivation: str | None, *, cached: bool) -> str:
    """Return what came of the evaluation."""
    what = f"evaluates to {store_path_name(derivation)}" if derivation else "has a value"
    return f"{attribute or 'the expression'} {what}{', as in an earlier run' if cached else ''}"
