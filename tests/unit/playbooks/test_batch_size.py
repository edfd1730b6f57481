# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many hosts come at a time: what is no size, or all of them, is told by the variable's name."""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.test.batch_sizes import batch_sizes

from ..playbook import run_playbook

# Each version has ways of its own to read a play's `serial`.
pytestmark = pytest.mark.versions

TARGETS = "one,two,"


def listed(playbook: str, size: t.Any) -> subprocess.CompletedProcess[str]:
    """Have Ansible read a playbook with a size of its batches, and run nothing of it."""
    variables = json.dumps({"fleet_batch_size": size})
    return run_playbook(
        f"nix.fleet.{playbook}", "-i", TARGETS, "-e", variables, "--list-hosts", cwd=Path(__file__).parent
    )


# What is a size and what is none: tests/unit/plugins/test.
@pytest.mark.parametrize(("playbook", "size"), [("deploy", [1, None]), ("gc", ""), ("reboot", 0), ("rollback", "2 %")])
def test_what_is_no_size_is_refused_by_the_name_of_its_variable(playbook: str, size: t.Any) -> None:
    done = listed(playbook, size)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "fleet_batch_size: a number of hosts or a percentage from 1 on, such as 5 or 20%" in said
    assert "Traceback" not in said
    assert "filter plugin" not in said


@pytest.mark.parametrize("value", [1, 20, "5", "20%", "100%", [1], ["25%", 3, "100%"]])
def test_numbers_and_percentages_from_one_on_are_sizes(value: t.Any) -> None:
    assert batch_sizes(value)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "", "0%", "2 %", "5\n", "half", [], [1, 0], [[1]], {"a": 1}])
def test_all_else_is_none(value: t.Any) -> None:
    assert not batch_sizes(value)
