# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many may fail is said as a number or as a part of all."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.errors import RolloutError
from ansible_collections.nix.fleet.plugins.plugin_utils.rollout.limit import most_failures


@pytest.mark.parametrize(
    ("text", "hosts", "number"),
    [("0", 10, 0), ("3", 10, 3), ("10%", 10, 1), ("10%", 9, 0), ("50%", 7, 3), ("100%", 7, 7), ("0%", 7, 0)],
)
def test_a_percentage_is_of_all_hosts_and_rounded_down(text: str, hosts: int, number: int) -> None:
    assert most_failures(text, hosts) == number


@pytest.mark.parametrize("text", ["", "-1", "1.5", "ten", "10 %", "%", "1\n"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(RolloutError, match="neither a number of hosts nor a percentage") as refused:
        most_failures(text, 10)
    assert refused.value.stage == "rollout"
