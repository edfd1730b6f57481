# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A status says what is wrong, and `ok` when nothing is."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.tests.lab.rehearsal.status import describe_line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({}, "ok"),
        ({"cut": None, "delay": 0.0, "rate": None}, "ok"),
        ({"cut": "silent"}, "cut"),
        ({"cut": None, "refused": "silent"}, "lets nobody new in"),
        ({"cut": "reset", "delay": 0.05, "rate": 1_250_000}, "cut (reset), 50 ms, 10 Mbit/s"),
    ],
)
def test_a_line_is_described_by_what_is_wrong_with_it(line: dict[str, object], words: str) -> None:
    assert describe_line(line) == words
