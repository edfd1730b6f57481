# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A row of the bench, measured once for all tests of a file."""

from __future__ import annotations

import pytest

from .counting import Costs, costs_of


@pytest.fixture(scope="module")
def costs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Costs:
    """What the row that the file names costs, by the points that it has: numbers of hosts, or delays."""
    return costs_of(request.module.ROW, tmp_path_factory.mktemp("bench"))
