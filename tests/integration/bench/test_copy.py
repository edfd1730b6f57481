# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it takes to copy a closure to one host: counted, not timed."""

from __future__ import annotations

import pytest

from .counting import FEW, MANY, Costs

pytestmark = pytest.mark.thorough

ROW = "copy-1-paths-10-MB"

# Ansible and a worker, ssh with the session of it that stays, the first question, the keepalives, three words to the
# session, and Nix. What asks whether all has arrived is none of its own.
PROCESSES = 12


def test_the_host_is_logged_into_once(costs: Costs) -> None:
    assert {delay: found["connections"] for delay, found in costs.items()} == {FEW: 1, MANY: 1}


def test_a_copy_starts_no_process_to_see_that_all_has_arrived(costs: Costs) -> None:
    assert max(found["processes"] for found in costs.values()) <= PROCESSES
