# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it takes to deploy to hosts that have never been deployed to: counted, not timed."""

from __future__ import annotations

import pytest

from .counting import FEW, MANY, Costs, a_host_more

pytestmark = pytest.mark.thorough

ROW = "first-deployment"

# A worker of Ansible for each of five tasks and their ssh, some twenty of the builds, and what copies and confirms.
PROCESSES_A_HOST = 48


def test_each_host_is_logged_into_once_and_once_more_to_confirm(costs: Costs) -> None:
    assert {hosts: found["connections"] for hosts, found in costs.items()} == {FEW: 2 * FEW, MANY: 2 * MANY}


def test_all_hosts_are_evaluated_at_once(costs: Costs) -> None:
    assert {found["evaluations"] for found in costs.values()} == {2}


def test_a_host_that_needs_nothing_more_costs_no_process_for_what_others_need(costs: Costs) -> None:
    assert a_host_more(costs, "processes") <= PROCESSES_A_HOST
