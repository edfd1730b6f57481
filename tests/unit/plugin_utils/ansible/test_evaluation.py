# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task's options become an evaluation, with the caches that can be used."""

from __future__ import annotations

import types
import typing as t
from pathlib import Path

import pytest
from ansible import constants
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.evaluation import (
    commit_of_job,
    memory_of,
    task_name,
    usable_caches,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import Controller
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.source import Source

from ...errors import fails_with


def task_in(parent: t.Any, line: int = 7) -> Task:
    """Return a task of its own, as each load of a file makes them."""
    task: t.Any = Task()
    task._parent = parent
    task.get_path = lambda: f"evaluate.yml:{line}"
    return t.cast("Task", task)


def included(*, static: bool) -> TaskInclude:
    include = TaskInclude()
    include.statically_loaded = static
    return include


def test_a_task_of_an_included_file_is_known_by_what_includes_it_and_where_it_stands() -> None:
    include = included(static=False)
    copies = [include.copy(), include.copy()]
    one, again = (task_in(copy) for copy in copies)
    assert task_name(one) == task_name(again)
    assert task_name(one) != task_name(task_in(copies[0], line=9))
    assert task_name(one) != task_name(task_in(included(static=False)))


def test_of_several_includes_the_outermost_counts_which_is_loaded_once() -> None:
    outer = included(static=False)
    inner = [included(static=False), included(static=False)]
    for include in inner:
        include._parent = outer.copy()
    one, again = (task_in(include) for include in inner)
    assert task_name(one) == task_name(again)


@pytest.mark.parametrize(("text", "code"), [("much", "no_memory"), ("4", "little_memory"), ("101M", "little_memory")])
def test_what_is_no_memory_to_evaluate_in_is_refused(text: str, code: str) -> None:
    with fails_with(f"evaluation.{code}") as raised:
        memory_of(text)
    assert "for example 4G" in str(raised.value.advice)


def test_an_amount_of_memory_has_a_unit() -> None:
    assert memory_of("4G") == 4 << 30
    assert memory_of("102M") == 102 << 20
    assert memory_of(None) is None


COMMIT = "4f1c0de4f1c0de4f1c0de4f1c0de4f1c0de4f1c0"


@pytest.mark.parametrize(
    ("flake", "known"),
    [
        ("{here}/fleet", COMMIT),
        ("path:{here}", COMMIT),
        ("/srv/fleet", None),
        ("github:example/fleet", None),
    ],
)
def test_a_flake_among_the_files_of_a_job_is_at_the_jobs_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flake: str, known: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    action: t.Any = types.SimpleNamespace(variables={"awx_job_id": 17, "awx_project_revision": COMMIT})
    source = Source(flake=flake.format(here=tmp_path))
    assert commit_of_job(action, source) == known
    action.variables.clear()
    assert commit_of_job(action, source) is None


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of a run."""
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(directory))
    return directory


def test_what_can_be_used_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caches = usable_caches()
    assert caches.evaluations.directory == tmp_path / "cache/nix.fleet/evaluation"
    assert (dict(caches.environment), caches.warnings) == ({}, ())


def test_a_file_in_its_place_is_warned_of_and_done_without(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caches = usable_caches()
    assert run in caches.evaluations.directory.parents
    (warning,) = caches.warnings
    assert warning.startswith(f"{tmp_path}/cache/nix.fleet/evaluation cannot be used: Not a directory, so that nothing")
    assert "XDG_CACHE_HOME" in warning
    # Nix on the controller keeps its own there too.
    said = caches.used_by(Controller({"MINE": "yes"})).run(["sh", "-c", 'echo "$XDG_CACHE_HOME $MINE"']).stdout
    assert said.split() == [str(run / "nix.fleet-caches"), "yes"]
