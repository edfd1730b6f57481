# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it takes to deploy a revision that every host runs already: counted, not timed."""

from __future__ import annotations

import pytest

from .counting import FEW, MANY, Costs, a_host_more

pytestmark = pytest.mark.thorough

ROW = "redeploy"

# A worker of Ansible for each of two tasks, and ssh with the session of it that stays.
PROCESSES_A_HOST = 6
# To log in takes four thousand, and the short question whether there is anything to do five times as much.
BYTES_A_HOST = 26_000


def test_each_host_is_logged_into_once(costs: Costs) -> None:
    assert {hosts: found["connections"] for hosts, found in costs.items()} == {FEW: FEW, MANY: MANY}


def test_nothing_is_evaluated_but_the_inventory(costs: Costs) -> None:
    assert {found["evaluations"] for found in costs.values()} == {1}


def test_a_host_more_costs_few_processes(costs: Costs) -> None:
    assert a_host_more(costs, "processes") <= PROCESSES_A_HOST


def test_a_host_is_sent_a_question_and_not_the_program_that_would_activate(costs: Costs) -> None:
    assert a_host_more(costs, "bytes_sent") <= BYTES_A_HOST
