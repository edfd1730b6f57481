# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever fails, at whatever moment: the machine ends on a whole system, the truth is told, and the next run recovers."""

from __future__ import annotations

import pytest

from .conftest import Ground
from .play import play
from .report import PROPERTY, Seen
from .row import Row
from .scene import Scene
from .table import ROWS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each row."""
    rows = [row for row in ROWS if row.representative or not metafunc.config.getoption("--representative")]
    metafunc.parametrize("row", rows, ids=[row.name for row in rows])


def test_a_fault_costs_no_machine(row: Row, scene: Scene, ground: Ground, record_property: Seen) -> None:
    told = {"order": ROWS.index(row), "fault": row.fault.name, "moment": row.moment.name, "machine": row.machines}
    told |= {"expectation": str(row.expectation), "seen": "nothing"}
    try:
        wrong = play(row, scene)
    finally:
        told["seen"] = ", ".join(scene.seen)
        record_property(PROPERTY, told)
    assert not wrong, "\n".join(wrong)
    ground.keep(row.host)
