# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one round of a row costs us, as the bench counts it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
FEW, MANY = 1, 3

Costs = dict[int, dict[str, float]]


def costs_of(row: str, output: Path) -> Costs:
    """Return the quantities of ``row`` by its points."""
    return {hosts: _cost(row, output, hosts) for hosts in (FEW, MANY)}


def a_host_more(costs: Costs, quantity: str) -> float:
    """Return how much of ``quantity`` each further host takes."""
    return (costs[MANY][quantity] - costs[FEW][quantity]) / (MANY - FEW)


def _cost(row: str, output: Path, hosts: int) -> dict[str, float]:
    arguments = ["--rows", row, "--points", str(hosts), "--rounds", "1", "--output", str(output)]
    done = subprocess.run(["tests/run/bench", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    data: dict[str, Any] = json.loads((output / "bench.json").read_text())
    (found,) = data["rows"]
    ours = next(outcome for outcome in found["outcomes"] if outcome["way"] == "nix.fleet")
    assert ours["missing"] is None, ours["missing"]
    return {name: spread["median"] for name, spread in ours["quantities"].items()}
