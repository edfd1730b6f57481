# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a deployment: its error has the outcome as its code, and a check with ``--diff`` shows what it predicts."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import (
    failure,
    parse_answer,
    predicted,
    units_failure,
)


@pytest.mark.parametrize("outcome", ["rolled_back", "rollback_failed", "refused", "failed", "superseded"])
def test_the_code_of_a_deployment_that_did_not_end_well_is_its_outcome(outcome: str) -> None:
    assert failure("d1", parse_answer(f"outcome={outcome}")).code == f"activation.{outcome}"


def test_what_the_target_calls_the_cause_is_the_code() -> None:
    error = failure("d1", parse_answer("outcome=refused\ncode=locked"))
    assert (error.code, error.details["outcome"]) == ("activation.locked", "refused")


def test_units_have_a_code_of_their_own() -> None:
    answer = parse_answer("outcome=activated\nunits_failed=a.service")
    assert units_failure("d1", answer).code == "activation.units"


def test_a_log_has_what_an_activation_said_and_not_our_steps() -> None:
    steps = [
        "log=",
        "log=== platform_check x",
        "log=",
        "log=== platform_activate x",
        "log=warning: no disk",
        "log=== its own",
    ]
    answer = parse_answer(
        "\n".join(["outcome=activated", "warning=no disk", *steps, "log=", "log=== way_back_restore_profile"])
    )
    assert answer.log == "warning: no disk\n== its own"


ANSWER = parse_answer("outcome=activated\nlog=would restart the following units: web.service")
NEW = "/nix/store/1123456789abcdfghijklmnpqrsvwxyz-nixos-new"
UNITS = "would restart the following units: web.service\n"


def test_units_follow_the_packages() -> None:
    shown = {"diff": {"prepared": "hello: 1 → 2\n"}, "closure_diff": {}}
    assert predicted(shown, ANSWER) == {"diff": {"prepared": f"hello: 1 → 2\n{UNITS}"}, "closure_diff": {}}


def test_a_check_says_that_no_packages_were_compared() -> None:
    answer = parse_answer(f"outcome=activated\nclosure={NEW}\nprevious_running={NEW}")
    assert "not known" in predicted({}, answer)["diff"]["prepared"]
    assert "not known" not in str(predicted({"diff": {"prepared": ""}}, answer))


def test_a_dry_run_that_says_nothing_of_a_first_deployment_adds_nothing() -> None:
    assert predicted({}, parse_answer(f"outcome=activated\nclosure={NEW}")) == {}
