# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one round of a row of the bench costs us: counted, not timed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[3]
# Numbers of hosts, or delays.
FEW, MANY = 1, 3


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


def cost(row: str, point: int, output: Path) -> dict[str, float]:
    arguments = ["--rows", row, "--points", str(point), "--rounds", "1", "--output", str(output)]
    done = subprocess.run(["tests/run/bench", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = json.loads((output / "bench.json").read_text())["rows"]
    ours = next(outcome for outcome in found["outcomes"] if outcome["way"] == "nix.fleet")
    assert ours["missing"] is None, ours["missing"]
    return {name: spread["median"] for name, spread in ours["quantities"].items()}


def test_a_copy_logs_in_once_and_starts_no_process_to_see_that_all_has_arrived(output: Path) -> None:
    found = cost("copy-1-paths-10-MB", FEW, output)
    # Ansible and a worker, ssh with the session of it that stays, the first question, the keepalives, three words to the
    # session, and Nix.
    assert (found["connections"], found["processes"] <= 12) == (1, True), found


# A worker of Ansible for each task, with its ssh. Where there is nothing to do there are four: Ansible's own look at the variables,
# the evaluation, the question, and the one file that is included where there is something to do.
@pytest.mark.parametrize(
    ("row", "connections", "evaluations", "processes", "sent"),
    [("first-deployment", 2, 2, 80, float("inf")), ("redeploy", 1, 1, 8, 44_000)],
)
def test_a_host_more_costs_its_connections_and_few_processes(
    output: Path, row: str, connections: int, evaluations: int, processes: int, sent: float
) -> None:
    costs = {hosts: cost(row, hosts, output) for hosts in (FEW, MANY)}

    def each(quantity: str) -> float:
        return (costs[MANY][quantity] - costs[FEW][quantity]) / (MANY - FEW)

    assert {hosts: found["connections"] / hosts for hosts, found in costs.items()} == {
        FEW: connections,
        MANY: connections,
    }
    assert max(found["evaluations"] for found in costs.values()) <= evaluations
    assert each("processes") <= processes
    assert each("bytes_sent") <= sent
