# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that ask one by one, and one evaluation for all of them, of the revision that somebody has named."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import signal
import threading
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation import shared
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.request import (
    REVISIONS_KEPT,
    Evaluated,
    EvaluationCache,
    Failed,
    Request,
    key,
    named_revisions,
    other_than,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.shared import Answer, SharedEvaluation
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import Controller
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.source import (
    Snapshot,
    Source,
    collection_version,
    of_another_version,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.run_state.run_state import RunState

from ...errors import fails_with
from .table_machine import BROKEN, HEAVY, HEAVY_HEAP, TableMachine, derivation

FORK = multiprocessing.get_context("fork")
FLAKE = Source(flake="/srv/fleet")


@pytest.fixture(autouse=True)
def _a_process_of_its_own() -> Iterator[None]:
    yield
    shared.REPORTED.clear()


@pytest.fixture
def cache(tmp_path: Path) -> EvaluationCache:
    return EvaluationCache(tmp_path / "cache")


def ask(
    machine: TableMachine, cache: EvaluationCache, attribute: str, others: str = "", *, task: str = "1",
    source: Source = FLAKE, revisions: tuple[str, ...] = (),
) -> Answer:  # fmt: skip
    request = Request(source, revisions=revisions)
    return SharedEvaluation(request, machine, cache, state_of(cache), task=task).ask(attribute, lambda: iter(others))


def state_of(cache: EvaluationCache) -> RunState:
    """Return the state of the run that has ``cache``."""
    return RunState(cache.directory.parent)


def test_the_first_host_evaluates_for_all(cache: EvaluationCache) -> None:
    machine = TableMachine(dict.fromkeys("abc", "good"))
    answers = [ask(machine, cache, name, "abc") for name in "abc"]
    assert [len(process) for process in machine.evaluated] == [3]
    assert [answer.result.drv_path for answer in answers if isinstance(answer.result, Evaluated)] == [
        derivation(name) for name in "abc"
    ]
    assert machine.looked == 2  # Before the evaluation and after it.


def test_a_failure_is_shared_among_the_hosts_of_a_task(cache: EvaluationCache) -> None:
    machine = TableMachine({"a": "good", "b": BROKEN})
    ask(machine, cache, "a", "ab")
    assert isinstance(ask(machine, cache, "b", "ab").result, Failed)
    assert len(machine.evaluated) == 1


def test_an_unchanged_revision_evaluates_nothing_in_the_next_run(cache: EvaluationCache) -> None:
    machine = TableMachine(dict.fromkeys("ab", "good"))
    ask(machine, cache, "a", "ab")
    again = ask(machine, cache, "b", "ab", task="2")
    assert again.cached
    assert len(machine.evaluated) == 1


def test_a_failure_is_tried_again_in_the_next_run_and_nothing_else_is(cache: EvaluationCache) -> None:
    machine = TableMachine({"a": "good", "b": BROKEN})
    ask(machine, cache, "a", "ab")
    machine.table["b"] = "good"
    assert isinstance(ask(machine, cache, "b", "ab", task="2").result, Evaluated)
    assert machine.evaluated[1:] == [["b"]]


def test_another_revision_is_evaluated(cache: EvaluationCache) -> None:
    machine = TableMachine({"a": "good"})
    ask(machine, cache, "a")
    machine.revision = "two"
    answer = ask(machine, cache, "a", task="2")
    assert answer.result == Evaluated(derivation("a", "two"), "/nix/store/" + "0" * 32 + "-a")
    assert answer.snapshot.revision == "two"


def test_nothing_is_evaluated_of_another_revision_than_the_one_named(cache: EvaluationCache) -> None:
    machine = TableMachine(dict.fromkeys("ab", "good"), revision="two")
    for name in "ab":
        refused = ask(machine, cache, name, "ab", revisions=("one",)).result
        assert isinstance(refused, Failed)
        assert refused.code == "other_revision"
    assert (machine.evaluated, machine.looked) == ([], 1)


def test_what_is_known_of_another_revision_is_refused_as_well(cache: EvaluationCache) -> None:
    machine = TableMachine({"a": "good"}, revision="two")
    ask(machine, cache, "a")
    assert isinstance(ask(machine, cache, "a", task="2", revisions=("one",)).result, Failed)


def test_the_revision_named_is_evaluated_as_it_was_even_if_the_flake_moves_on(cache: EvaluationCache) -> None:
    machine = TableMachine({"a": "good"})
    assert isinstance(ask(machine, cache, "a", revisions=("zero", "one")).result, Evaluated)
    assert machine.sources == ["path:/x?rev=one#."]


OURS = collection_version()
PATCHED = f"{OURS.rpartition('.')[0]}.1000"


@pytest.mark.parametrize(("library", "told"), [(None, False), (OURS, False), (PATCHED, False), ("0.1.0", True)])
def test_a_library_of_another_version_but_for_patches_is_told_also_in_later_runs(
    cache: EvaluationCache, library: str | None, told: bool
) -> None:
    machine = TableMachine({"a": "good"}, library=library)
    for task in "12":
        result = ask(machine, cache, "a", task=task).result
        assert isinstance(result, Evaluated)
        assert (of_another_version(result.library) is not None) is told


UNLOCKED = (
    "• Added input 'a':\n    'path:/a' (2026-01-01)\n• Added input 'a/b':\n    follows 'b'\n• Updated input 'c/d':"
)


@pytest.mark.parametrize(("overridden", "told"), [((), ["a", "c"]), (("a",), ["c"]), (("a", "c/d"), [])])
def test_inputs_that_no_lock_holds_are_told(
    cache: EvaluationCache, overridden: tuple[str, ...], told: list[str]
) -> None:
    machine = TableMachine({"a": "good"}, unlocked=UNLOCKED)
    source = dataclasses.replace(FLAKE, override_inputs=dict.fromkeys(overridden, "path:/x"))
    assert ask(machine, cache, "a", source=source).snapshot.unlocked == told


def test_nothing_is_evaluated_of_a_flake_without_the_lock_that_is_required(cache: EvaluationCache) -> None:
    machine = TableMachine({"a": "good"}, unlocked=UNLOCKED)
    request = Request(FLAKE, require_lock=True)
    refused = SharedEvaluation(request, machine, cache, state_of(cache), task="1").ask("a").result
    assert isinstance(refused, Failed)
    assert refused.code == "not_locked"
    assert not machine.evaluated


def test_hosts_of_a_task_that_name_different_revisions_are_told_apart(cache: EvaluationCache) -> None:
    machine = TableMachine(dict.fromkeys("abc", "good"))
    assert isinstance(ask(machine, cache, "a", "abc", revisions=("zero",)).result, Failed)
    assert isinstance(ask(machine, cache, "b", "abc", revisions=("one",)).result, Evaluated)
    assert isinstance(ask(machine, cache, "c", "abc").result, Evaluated)


@pytest.mark.parametrize("named", ["one", "one-dirty"])
def test_changes_that_are_not_committed_are_of_no_revision(cache: EvaluationCache, named: str) -> None:
    machine = TableMachine({"a": "good"}, dirty=True)
    assert isinstance(ask(machine, cache, "a", revisions=(named,)).result, Failed)


def test_all_hosts_of_a_task_are_of_one_revision(cache: EvaluationCache) -> None:
    machine = TableMachine(dict.fromkeys("ab", "good"))
    ask(machine, cache, "a", "ab")
    machine.revision = "two"
    assert ask(machine, cache, "b", "ab").snapshot.revision == "one"


def test_what_cannot_be_kept_is_told_nevertheless(cache: EvaluationCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> t.NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(EvaluationCache, "keep", full)
    machine = TableMachine(dict.fromkeys("ab", "good"))
    assert all(isinstance(ask(machine, cache, name, "ab").result, Evaluated) for name in "ab")


def test_what_changed_while_it_was_evaluated_is_not_kept(cache: EvaluationCache) -> None:
    class Edited(TableMachine):
        def existing(self, paths: t.Any) -> set[str]:
            self.revision = "edited"
            return super().existing(paths)

    machine = Edited({"a": "good"})
    ask(machine, cache, "a")
    machine.revision = "one"
    ask(machine, cache, "a", task="2")
    assert len(machine.evaluated) == 2


def test_a_derivation_that_was_collected_is_evaluated_again(cache: EvaluationCache) -> None:
    machine = TableMachine(dict.fromkeys("ab", "good"))
    ask(machine, cache, "a", "ab")
    machine.gone.add(derivation("a"))
    assert not ask(machine, cache, "a", "ab", task="2").cached
    assert machine.evaluated[1:] == [["a"]]


def test_an_impure_evaluation_is_shared_in_its_task_only(cache: EvaluationCache) -> None:
    machine = TableMachine(dict.fromkeys("ab", "good"))
    impure = dataclasses.replace(FLAKE, impure=True)
    ask(machine, cache, "a", "ab", source=impure)
    ask(machine, cache, "b", "ab", source=impure)
    assert len(machine.evaluated) == 1
    assert not ask(machine, cache, "b", "ab", source=impure, task="2").cached


@pytest.mark.parametrize(
    "other",
    [
        Source(flake="/srv/fleet", impure=True),
        Source(flake="/srv/other"),
        Source(flake="/srv/fleet", override_inputs={"nixpkgs": "path:/np"}),
        Source(flake="/srv/fleet", options={"system": "aarch64-linux"}),
    ],
)
def test_what_is_evaluated_otherwise_shares_nothing(cache: EvaluationCache, other: Source) -> None:
    machine = TableMachine({"a": "good"})
    ask(machine, cache, "a")
    ask(machine, cache, "a", source=other)
    assert len(machine.evaluated) == 2


def test_another_machine_shares_nothing(cache: EvaluationCache) -> None:
    here, there = TableMachine({"a": "good"}), TableMachine({"a": "good"}, name="homelab")
    ask(here, cache, "a")
    ask(there, cache, "a")
    assert len(there.evaluated) == 1


def test_what_is_sent_is_sent_once_for_all_hosts(cache: EvaluationCache) -> None:
    machine = TableMachine({"a": "good", "b": "good"}, name="homelab")
    prepared = []

    def prepare(source: Source) -> Source:
        prepared.append(source)
        return Source(flake="path:/nix/store/fleet", dirty_revision="one-dirty")

    for name in "ab":
        shared = SharedEvaluation(Request(FLAKE), machine, cache, state_of(cache), task="1", prepare=prepare)
        snapshot = shared.ask(name, lambda: iter("ab")).snapshot
        # What is sent is no repository, and cannot say so itself.
        assert (snapshot.revision, snapshot.dirty) == ("one-dirty", True)
    assert prepared == [FLAKE]


def test_a_flake_that_cannot_be_read_is_asked_once_for_all_hosts(cache: EvaluationCache) -> None:
    machine = TableMachine({"a": "good", "b": "good"}, root="no such flake")
    for name in "ab":
        result = ask(machine, cache, name, "ab").result
        assert isinstance(result, Failed)
        assert result.cause == "flake /srv/fleet: no such flake"
    assert machine.looked == 1


@pytest.mark.parametrize("fault", ["root", "attribute"])
def test_a_task_that_tries_again_gets_another_attempt(cache: EvaluationCache, fault: str) -> None:
    machine = TableMachine({"a": BROKEN if fault == "attribute" else "good"}, root="down" if fault == "root" else None)
    shared = SharedEvaluation(Request(FLAKE), machine, cache, state_of(cache), task="1")
    assert isinstance(shared.ask("a").result, Failed)
    machine.table["a"], machine.root = "good", None
    assert isinstance(shared.ask("a").result, Evaluated)


def test_a_waiting_host_goes_on_before_the_last_one_is_evaluated(cache: EvaluationCache) -> None:
    waiting, end = threading.Event(), threading.Event()

    class Slow(TableMachine):
        def run(self, argv: t.Any, *, on_stderr_line: t.Any = None, **how: t.Any) -> t.Any:
            def on_line(line: str) -> None:
                on_stderr_line(line)
                if '\\"done\\": 0' in line:
                    waiting.set()
                    assert end.wait(10)

            return super().run(argv, on_stderr_line=on_stderr_line and on_line, **how)

    machine = Slow(dict.fromkeys("ab", "good"))
    first = threading.Thread(target=ask, args=(machine, cache, "a", "ab"))
    first.start()
    assert waiting.wait(10)
    assert isinstance(ask(machine, cache, "a", "ab").result, Evaluated)
    assert first.is_alive()
    end.set()
    first.join()
    assert len(machine.evaluated) == 1


@pytest.mark.parametrize("others", ["b", "ab", "bab"])
def test_the_last_result_is_told_when_everything_is_written_down(cache: EvaluationCache, others: str) -> None:
    told: list[int] = []

    class Watched(TableMachine):
        def existing(self, paths: t.Any) -> set[str]:
            # Asked about before the evaluation, once more when no other run can be at it, and for what is kept of it.
            task = key(Request(FLAKE).key(self), "1", (), False)
            told.append(len(state_of(cache).notes(f"evaluation {task}")))
            return super().existing(paths)

    # Several hosts may be of one configuration.
    ask(Watched(dict.fromkeys("ab", "good")), cache, "a", others)
    assert told == [0, 0, 1]


def test_hosts_that_ask_at_the_same_time_evaluate_once(cache: EvaluationCache, tmp_path: Path) -> None:
    class Counted(TableMachine):
        def run(self, argv: t.Any, **how: t.Any) -> t.Any:
            if "metadata" not in argv:
                with (tmp_path / "evaluations").open("a") as file:
                    file.write("one\n")
            return super().run(argv, **how)

    def ask_as_task(name: str) -> None:
        answer = ask(Counted(dict.fromkeys("abcdef", "good")), cache, name, "abcdef")
        assert answer.result == Evaluated(derivation(name), f"/nix/store/{'0' * 32}-{name}")

    tasks = [FORK.Process(target=ask_as_task, args=(name,)) for name in "abcdef"]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    assert [task.exitcode for task in tasks] == [0] * len(tasks)
    assert (tmp_path / "evaluations").read_text() == "one\n"


def test_hosts_of_a_process_that_was_killed_have_another_evaluate(cache: EvaluationCache) -> None:
    class Killed(TableMachine):
        def run(self, argv: t.Any, **how: t.Any) -> t.Any:
            if "metadata" not in argv:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().run(argv, **how)

    first = FORK.Process(target=ask, args=(Killed({"a": "good"}), cache, "a"))
    first.start()
    first.join()
    assert isinstance(ask(TableMachine({"a": "good"}), cache, "a").result, Evaluated)


def test_an_evaluation_is_held_to_the_memory_that_it_was_given(cache: EvaluationCache) -> None:
    request = Request(FLAKE, memory=HEAVY_HEAP // 2)
    machine = TableMachine({"a": HEAVY})
    result = SharedEvaluation(request, machine, cache, state_of(cache), task="1").ask("a").result
    assert isinstance(result, Failed)
    assert result.code == "memory"


def test_runs_at_the_same_time_evaluate_once(cache: EvaluationCache) -> None:
    class Slow(TableMachine):
        def run(self, argv: t.Any, **how: t.Any) -> t.Any:
            if "metadata" not in argv:
                time.sleep(0.3)
            return super().run(argv, **how)

    machine = Slow(dict.fromkeys("abcdefgh", "good"))

    def run(task: str) -> None:
        ask(machine, cache, "a", "abcdefgh", task=task)

    threads = [threading.Thread(target=run, args=(task,)) for task in "123"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(machine.evaluated) == 1


def test_the_cache_is_readable_by_its_owner_only(cache: EvaluationCache, tmp_path: Path) -> None:
    ask(TableMachine({"a": "good"}), cache, "a")
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "cache").rglob("*.json*")}
    assert modes == {0}
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


def test_a_file_that_is_not_understood_counts_as_none(cache: EvaluationCache, tmp_path: Path) -> None:
    machine = TableMachine({"a": "good"})
    ask(machine, cache, "a")
    for path in (tmp_path / "cache").rglob("*.json*"):
        path.write_text("{")
    ask(machine, cache, "a", task="2")
    assert len(machine.evaluated) == 2


def test_only_so_many_revisions_are_kept_and_the_oldest_go_first(cache: EvaluationCache) -> None:
    now = time.time()
    for age in range(REVISIONS_KEPT + 2, 0, -1):
        cache.keep(f"revision-{age}", {"a": Evaluated("/nix/store/a.drv")})
        os.utime(cache.directory / "revisions" / f"revision-{age}.json", (now - age * 100, now - age * 100))
    cache.keep("revision-0", {"a": Evaluated("/nix/store/a.drv")})
    kept = [age for age in range(REVISIONS_KEPT + 3) if cache.known(f"revision-{age}")]
    assert kept == [*range(REVISIONS_KEPT)]


def test_an_evaluation_that_ends_without_a_result_says_what_its_process_printed(
    cache: EvaluationCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Here(TableMachine, Controller):
        def __init__(self) -> None:
            super().__init__({"a": "good"})
            self.environment = {}

    monkeypatch.setattr(shared, "PROGRAM", "import sys; sys.exit('no memory left')")
    with fails_with("evaluation.no_result") as raised:
        ask(Here(), cache, "a")
    assert raised.value.log == "no memory left"


ONE, TWO = "1" * 40, "2" * 64
HASH = "sha256-QIYNNNnop0Vqgn/RoC+I0m+hUL/ecg6qB3fLTVXBgc0="
FLEET = Source(flake="/srv/fleet")


def test_revisions_are_the_whole_names_of_commits_or_the_hashes_of_files() -> None:
    assert named_revisions([ONE, "", TWO, HASH]) == (ONE, TWO, HASH)


@pytest.mark.parametrize(
    "text", ["uncommitted changes", f"{ONE}-dirty", HASH[:-1], ONE[:8], f"{ONE}\n", "main", "None"]
)
def test_what_is_no_revision_is_refused_with_what_to_do(text: str) -> None:
    with fails_with("evaluation.not_a_revision"):
        named_revisions([ONE, text])


def test_a_flake_without_a_repository_is_known_by_its_files() -> None:
    flake = Source(flake="/runner/project")
    there = Snapshot.from_json(json.dumps({"locked": {"type": "path", "narHash": HASH}}))
    assert other_than([HASH], flake, there) is None
    refused = other_than([ONE], flake, there)
    assert refused
    assert HASH in refused.cause


def test_where_a_job_is_told_the_commit_of_its_files_commits_are_named_and_no_hashes() -> None:
    flake = Source(flake="/runner/project")
    there = Snapshot.from_json(json.dumps({"locked": {"type": "path", "narHash": HASH}}))
    assert other_than([HASH, ONE], flake, there, commit=TWO) is None
    refused = other_than([HASH.replace("Q", "R"), ONE], flake, there, commit=TWO)
    assert refused
    assert all(commit in refused.cause for commit in (ONE, TWO))
    assert "sha256-" not in refused.cause


def test_the_hash_of_files_that_are_not_committed_is_none() -> None:
    metadata = {"dirtyRevision": f"{ONE}-dirty", "locked": {"type": "git", "narHash": HASH}}
    assert other_than([HASH], FLEET, Snapshot.from_json(json.dumps(metadata)))


def test_what_has_no_revision_is_refused() -> None:
    assert other_than([ONE], Source(file="x.nix"), Snapshot())
