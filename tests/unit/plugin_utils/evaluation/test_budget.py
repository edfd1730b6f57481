# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many evaluators, and with how much memory, on machines and in containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation import evaluator
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.evaluator import (
    Budget,
    available_memory,
    budget_here,
)

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
