# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluations within a budget, with the real Nix."""

from __future__ import annotations

import json
import subprocess
import sys

from .project import Project

EACH = {"flake": "{{ nix_flake }}", "attr": "{{ nix_attr }}", "whole_play": True}

# Each is some ten megabytes that stay, since the flake itself has them.
MANY = """builtins.listToAttrs (builtins.genList (host: {
  name = "h${toString host}";
  value = let list = builtins.genList (i: { inherit i; }) 150000;
    in mk "h${toString host}" (toString (builtins.foldl' (sum: e: sum + e.i) host list)) // { inherit list; };
}) 12)"""

# Evaluates, and says how much memory the largest process took.
MEASURED = """
import json, resource, sys
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.evaluator import Budget, evaluate
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import Controller
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.source import Source
flake, memory = sys.argv[1:]
budget = Budget(int(memory) if memory else None)
results = evaluate(Source(flake=flake), [f"h{host}" for host in range(12)], Controller(), budget=budget)
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([most, sum(hasattr(result, "drv_path") for result in results.values())]))
"""


def measured(project: Project, memory: int | None) -> tuple[int, int]:
    """Return the bytes that the largest process took, and how many hosts evaluated."""
    command = [sys.executable, "-c", MEASURED, f"path:{project.flake}", str(memory or "")]
    environment = {**project.environment(), "PYTHONPATH": ":".join(sys.path)}
    most, evaluated = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
    return most, evaluated


def test_an_evaluator_stays_within_the_budget_and_others_go_on(project: Project) -> None:
    project.write_flake(MANY)
    budget = 160 << 20
    unbounded, evaluated = measured(project, None)
    assert evaluated == 12
    assert unbounded > budget
    most, evaluated = measured(project, budget)
    assert evaluated == 12
    assert most <= budget


def test_a_host_that_needs_memory_without_end_fails_alone(project: Project) -> None:
    endless = "builtins.length (builtins.concatLists (builtins.genList (i: builtins.genList (j: i + j) 100000) 10000))"
    project.write_flake(f'{{ a = mk "a" ""; b = mk "b" (toString ({endless})); c = mk "c" ""; }}')
    fleet = {name: {"nix_flake": f"path:{project.flake}", "nix_attr": name} for name in "abc"}
    run = project.run("nix_eval", {**EACH, "eval_memory": "160M"}, fleet)
    assert {name: result["failed"] for name, result in run.results.items()} == {"a": False, "b": True, "c": False}
    assert run.results["b"]["cause"].startswith("its evaluation alone needs more memory than the 160 MiB")
    assert "deploy_eval_memory" in run.results["b"]["advice"]
