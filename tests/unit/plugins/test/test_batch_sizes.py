# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What says how many hosts come at a time."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.test.batch_sizes import batch_sizes


@pytest.mark.parametrize("value", [1, 20, "5", "20%", "100%", [1], ["25%", 3, "100%"]])
def test_numbers_and_percentages_from_one_on_are_sizes(value: t.Any) -> None:
    assert batch_sizes(value)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "", "0%", "2 %", "5\n", "half", [], [1, 0], [[1]], {"a": 1}])
def test_all_else_is_none(value: t.Any) -> None:
    assert not batch_sizes(value)
