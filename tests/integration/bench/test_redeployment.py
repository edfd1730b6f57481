# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it takes to deploy a revision that every host runs already: counted, not timed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[3]
FEW, MANY = 1, 3
# A worker of Ansible for each of five tasks, ssh, the session of it that stays, and whether what was built is valid.
PROCESSES_A_HOST = 10
# To log in takes four thousand, and the short question whether there is anything to do five times as much.
BYTES_A_HOST = 25_000


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, float]]:
    """What a redeployment costs, by the number of hosts."""
    output = tmp_path_factory.mktemp("bench")
    return {hosts: cost(output, hosts) for hosts in (FEW, MANY)}


def cost(output: Path, hosts: int) -> dict[str, float]:
    arguments = ["--rows", "redeploy", "--points", str(hosts), "--rounds", "1", "--output", str(output)]
    done = subprocess.run(["tests/run/bench", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    data: dict[str, Any] = json.loads((output / "bench.json").read_text())
    (row,) = data["rows"]
    ours = next(outcome for outcome in row["outcomes"] if outcome["way"] == "nix.fleet")
    assert ours["missing"] is None, ours["missing"]
    return {name: spread["median"] for name, spread in ours["quantities"].items()}


def test_each_host_is_logged_into_once(costs: dict[int, dict[str, float]]) -> None:
    assert {hosts: found["connections"] for hosts, found in costs.items()} == {FEW: FEW, MANY: MANY}


def test_nothing_is_evaluated_but_the_inventory(costs: dict[int, dict[str, float]]) -> None:
    assert {found["evaluations"] for found in costs.values()} == {1}


def test_a_host_more_costs_few_processes(costs: dict[int, dict[str, float]]) -> None:
    assert costs[MANY]["processes"] - costs[FEW]["processes"] <= PROCESSES_A_HOST * (MANY - FEW)


def test_a_host_is_sent_a_question_and_not_the_program_that_would_activate(costs: dict[int, dict[str, float]]) -> None:
    assert costs[MANY]["bytes_sent"] - costs[FEW]["bytes_sent"] <= BYTES_A_HOST * (MANY - FEW)
