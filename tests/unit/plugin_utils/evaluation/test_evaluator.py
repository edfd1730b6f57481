# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many attributes, one process, and each attribute's own error; how many processes, and with how much memory."""

from __future__ import annotations

import threading
import typing as t
from collections.abc import Sequence
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation import evaluator
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.evaluator import (
    Budget,
    available_memory,
    budget_here,
    evaluate,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.request import Evaluated, Failed, diagnosis
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.source import Source

from .table_machine import BROKEN, ENDLESS, HEAVY, KILLED, KILLED_AFTER_OTHERS, MISSING, PLAIN, TOO_HEAVY, TableMachine

FLAKE = Source(flake="/srv/fleet")


def failure(machine: TableMachine, attribute: str) -> Failed:
    result = evaluate(FLAKE, list(machine.table), machine)[attribute]
    assert isinstance(result, Failed)
    return result


def test_a_broken_attribute_costs_one_more_process_and_no_other_its_result() -> None:
    machine = TableMachine({"a": "good", "b": BROKEN, "c": "good", "d": BROKEN, "e": "good"})
    results = evaluate(FLAKE, list("abcde"), machine)
    assert machine.evaluated == [list("abcde"), list("cde"), list("e")]
    assert [name for name, result in results.items() if isinstance(result, Failed)] == ["b", "d"]


def test_a_failure_has_nix_own_words_and_a_command_for_this_attribute_alone() -> None:
    failed = failure(TableMachine({"a": "good", "b": BROKEN}), "b")
    assert failed.cause == "b is broken"
    assert failed.command[-1] == "/srv/fleet#.b.drvPath"
    assert failed.log == "trace: evaluating b\nerror: b is broken"


def test_a_source_that_does_not_evaluate_at_all_is_tried_once() -> None:
    machine = TableMachine({"a": "good", "b": "good"}, root="syntax error")
    results = evaluate(FLAKE, ["a", "b"], machine)
    assert {result.cause for result in results.values() if isinstance(result, Failed)} == {"syntax error"}


def test_a_process_killed_under_the_weight_of_others_is_not_held_against_an_attribute() -> None:
    machine = TableMachine({"a": "good", "b": KILLED_AFTER_OTHERS, "c": "good"})
    results = evaluate(FLAKE, list("abc"), machine)
    assert all(isinstance(result, Evaluated) for result in results.values())
    assert machine.evaluated == [list("abc"), list("bc")]


def test_an_attribute_that_gets_even_a_process_of_its_own_killed_fails() -> None:
    machine = TableMachine({"a": "good", "b": KILLED, "c": "good"})
    results = evaluate(FLAKE, list("abc"), machine)
    assert isinstance(results["c"], Evaluated)
    assert isinstance(results["b"], Failed)
    assert results["b"].code == "killed"


def test_an_attribute_without_end_is_given_up_and_the_others_go_on() -> None:
    machine = TableMachine({"a": "good", "b": ENDLESS, "c": "good"})
    results = evaluate(FLAKE, list("abc"), machine, timeout=5)
    assert isinstance(results["c"], Evaluated)
    assert isinstance(results["b"], Failed)
    assert results["b"].code == "timeout"


def test_a_missing_attribute_is_told_with_those_that_exist() -> None:
    failed = failure(TableMachine({"b": MISSING}), "b")
    assert failed.code == "missing_attribute"
    assert 'a, "x.y"' in failed.cause


def test_what_is_no_derivation_is_told_with_what_it_is() -> None:
    failed = failure(TableMachine({"b": PLAIN}), "b")
    assert failed.code == "not_a_derivation"


def test_what_is_no_attribute_path_fails_alone_and_without_a_process() -> None:
    machine = TableMachine({"a": "good"})
    results = evaluate(FLAKE, ["a..b", "a"], machine)
    assert isinstance(results["a"], Evaluated)
    assert isinstance(results["a..b"], Failed)
    assert machine.evaluated == [["a"]]


def test_an_attribute_asked_for_twice_is_evaluated_once() -> None:
    machine = TableMachine({"a": "good"})
    evaluate(FLAKE, ["a", "a"], machine)
    assert machine.evaluated == [["a"]]


def test_more_attributes_than_one_command_line_takes_are_more_processes_and_none_is_lost() -> None:
    names = [f"web-{number:04}.{'sg' * 20}.example.net" for number in range(2000)]
    machine = TableMachine({**dict.fromkeys(names, "good"), names[10]: BROKEN})
    results = evaluate(FLAKE, [f'"{name}".config.toplevel' for name in names], machine)
    assert len(results) == 2000
    assert sum(isinstance(result, Failed) for result in results.values()) == 1
    assert machine.longest_argument < 128 * 1024
    assert len(machine.evaluated) < 6


def test_the_function_of_a_playbook_may_end_in_a_comment() -> None:
    machine = TableMachine({"a": "good"})
    evaluate(FLAKE, ["a"], machine, apply="v: v # the value")
    assert machine.functions[0].endswith("apply = (\nv: v # the value\n);\n}")


@pytest.mark.parametrize(
    ("log", "code"),
    [
        ("error: access to absolute path '/etc' is forbidden in pure evaluation mode", "impure"),
        ("error: path 'x.nix' is not tracked by Git", "untracked_file"),
        ("error: Path 'x.nix' does not exist in Git repository \"/srv/fleet\".", "missing_file"),
        ("error: unable to download 'https://x': Could not resolve host", "network"),
        ('error: getting status of "/fleet": No such file or directory', "no_flake"),
        ("error: path '/fleet/flake.nix' does not exist", "no_flake"),
        ("error: path '/nix/store/n30-source/gone.nix' does not exist", "missing_file"),
        ("error: opening file '/nix/store/n30-source/gone': No such file or directory", "missing_file"),
        ("error: getting status of '/nix/store/n30-source/gone': No such file or directory", "missing_file"),
        ("error: infinite recursion encountered", "nix"),
    ],
)
def test_what_is_wrong_has_a_code_and_a_next_step(log: str, code: str) -> None:
    found, advice = diagnosis(log)
    assert found == code
    assert advice


SIXTEEN = [f"h{number:02}" for number in range(16)]
# Two processes have room in it, each in half of it.
ROOM_FOR_TWO = Budget(2 << 30, cpus=2)


def test_many_attributes_are_taken_by_turns_by_as_many_processes_as_there_is_room_for() -> None:
    machine = TableMachine(dict.fromkeys(SIXTEEN, "good"))
    machine.together = threading.Barrier(2)
    results = evaluate(FLAKE, SIXTEEN, machine, budget=ROOM_FOR_TWO)
    assert sorted(names[:8] for names in machine.evaluated) == [SIXTEEN[0::2], SIXTEEN[1::2]]
    assert len(results) == 16


def test_an_attribute_without_end_costs_no_share_but_its_own() -> None:
    told: list[str] = []
    machine = TableMachine({**dict.fromkeys(SIXTEEN, "good"), "h04": ENDLESS})
    results = evaluate(
        FLAKE, SIXTEEN, machine, timeout=5, budget=ROOM_FOR_TWO, on_result=lambda name, _result: told.append(name)
    )
    assert [name for name, result in results.items() if isinstance(result, Failed)] == ["h04"]
    # Its own share's rest comes after it, in a process of its own.
    assert sorted(names for names in machine.evaluated if "h01" not in names) == [
        SIXTEEN[0::2], SIXTEEN[4::2], SIXTEEN[6::2],
    ]  # fmt: skip


def test_each_attribute_is_told_once_whoever_evaluates_it() -> None:
    told: list[str] = []
    machine = TableMachine({**dict.fromkeys(SIXTEEN, "good"), "h05": BROKEN, "h10": HEAVY, "h12": KILLED})
    evaluate(FLAKE, SIXTEEN, machine, budget=ROOM_FOR_TWO, on_result=lambda name, _result: told.append(name))
    assert sorted(told) == SIXTEEN


def test_an_attribute_that_outgrows_a_share_gets_the_whole_when_the_others_are_done() -> None:
    machine = TableMachine({**dict.fromkeys(SIXTEEN, "good"), "h00": HEAVY})
    results = evaluate(FLAKE, SIXTEEN, machine, budget=ROOM_FOR_TWO)
    assert all(isinstance(result, Evaluated) for result in results.values())
    assert machine.evaluated[-1] == ["h00"]


def test_where_every_attribute_outgrows_a_share_few_find_it_out() -> None:
    machine = TableMachine(dict.fromkeys(SIXTEEN, HEAVY))
    results = evaluate(FLAKE, SIXTEEN, machine, budget=ROOM_FOR_TWO)
    assert all(isinstance(result, Evaluated) for result in results.values())
    assert len(machine.evaluated) == 5
    assert len(machine.evaluated[-1]) == 16


def test_an_attribute_that_outgrows_the_whole_budget_fails_alone_and_says_what_was_allowed() -> None:
    machine = TableMachine({"a": "good", "b": TOO_HEAVY, "c": "good"})
    results = evaluate(FLAKE, list("abc"), machine, budget=Budget(512 << 20))
    assert [type(results[name]) for name in "abc"] == [Evaluated, Failed, Evaluated]
    failed = results["b"]
    assert isinstance(failed, Failed)
    assert failed.code == "memory"
    assert "512 MiB" in failed.cause


class BegunAgain(TableMachine):
    """A machine whose Nix is begun a second time when it has got as far as ``until``."""

    def __init__(self, table: dict[str, str], *, until: str) -> None:
        super().__init__(table)
        self._until = until

    def run(self, argv: Sequence[str], **how: t.Any) -> Completed:
        on_line = how.pop("on_stderr_line")
        lines: list[str] = []
        completed = super().run(argv, on_stderr_line=lines.append, **how)
        reached = next(number for number, line in enumerate(lines) if f"evaluating {self._until}" in line)
        for line in [*lines[:reached], *lines]:
            on_line(line)
        return completed


def test_a_process_that_is_begun_again_tells_of_each_attribute_once() -> None:
    told: list[str] = []
    machine = BegunAgain({"a": "", "b": "", "c": BROKEN, "d": ""}, until="c")
    results = evaluate(FLAKE, ["a", "b", "c"], machine, on_result=lambda attribute, _result: told.append(attribute))
    assert told == ["a", "b", "c"]
    assert [name for name, result in results.items() if isinstance(result, Failed)] == ["c"]


GIB = 1 << 30


@pytest.mark.parametrize(
    ("gibibytes", "cpus", "hosts", "processes"),
    [
        (16, 4, 100, 4),
        (3, 4, 100, 3),
        (16, 4, 20, 2),
        (16, 4, 1, 1),
        (0, 4, 100, 1),
        (16, 1, 100, 1),
        (None, 4, 100, 4),
    ],
)
def test_memory_cpus_and_hosts_each_bound_the_number_of_processes(
    gibibytes: int | None, cpus: int, hosts: int, processes: int
) -> None:
    memory = None if gibibytes is None else gibibytes * GIB
    assert Budget(memory, cpus).processes(hosts) == processes


@pytest.mark.parametrize(("given", "memory"), [(5, 5), (None, 4)])
def test_what_is_given_is_the_budget_or_half_of_what_is_available(
    monkeypatch: pytest.MonkeyPatch, given: int | None, memory: int
) -> None:
    monkeypatch.setattr(evaluator, "available_memory", lambda: 8 * GIB)
    assert budget_here(given and given * GIB).memory == memory * GIB


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, content in {"proc/meminfo": "MemTotal: 9000 kB\nMemAvailable:    8000 kB\n", **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def test_a_machine_has_what_the_kernel_says_is_available(tmp_path: Path) -> None:
    assert available_memory(machine(tmp_path, {"proc/self/cgroup": "0::/\n"})) == 8000 * 1024


def test_a_control_group_has_what_is_left_of_the_least_limit_above_it(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/runner/job\n",
        "sys/fs/cgroup/runner/memory.max": "5000000",
        "sys/fs/cgroup/runner/memory.current": "2000000",
        "sys/fs/cgroup/runner/memory.stat": "anon 1\ninactive_file 500000\n",
        "sys/fs/cgroup/runner/job/memory.max": "max\n",
        "sys/fs/cgroup/runner/job/memory.current": "1000000",
    }
    assert available_memory(machine(tmp_path, files)) == 3_500_000


def test_in_a_container_its_path_may_be_one_of_the_machine(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "5:cpu:/x\n0::/docker/0123\n",
        "sys/fs/cgroup/memory.max": "6000000",
        "sys/fs/cgroup/memory.current": "1000000",
    }
    assert available_memory(machine(tmp_path, files)) == 5_000_000


def test_where_nothing_is_said_there_is_no_limit(tmp_path: Path) -> None:
    assert available_memory(tmp_path) is None
