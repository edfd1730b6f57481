# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check with ``--diff`` shows: the packages, and what the platform's own dry run said."""

from __future__ import annotations

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import parse_answer
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.outcome import predicted

ANSWER = parse_answer("outcome=activated\nlog=would restart the following units: web.service")
UNITS = "would restart the following units: web.service\n"


def test_units_follow_the_packages() -> None:
    shown = {"diff": {"prepared": "hello: 1 → 2\n"}, "closure_diff": {}}
    assert predicted(shown, ANSWER) == {"diff": {"prepared": f"hello: 1 → 2\n{UNITS}"}, "closure_diff": {}}


def test_units_are_shown_where_no_packages_can_be_compared() -> None:
    assert predicted({}, ANSWER) == {"diff": {"prepared": UNITS}}


def test_a_dry_run_that_says_nothing_adds_nothing() -> None:
    assert predicted({}, parse_answer("outcome=activated")) == {}
