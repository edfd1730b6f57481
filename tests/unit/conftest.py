# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the unit tests that start real shells, a real Nix or a thousand examples from those that a programmer waits for: `make unit`."""

from __future__ import annotations

from pathlib import Path

import pytest

SLOW = (
    "hostile",
    "nix_side",
    "plugin_utils/activation/supervisor",
    "plugin_utils/gc/test_scripts.py",
    "plugin_utils/health/test_target.py",
    "plugin_utils/test_process.py",
    "examples/test_execution_environment.py",
    "playbooks",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test below a slow place as slow."""
    places = [Path(__file__).parent / place for place in SLOW]
    for item in items:
        if any(item.path.is_relative_to(place) for place in places):
            item.add_marker(pytest.mark.slow)
