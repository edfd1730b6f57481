# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a deployment ended is the code of its error."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import parse_answer
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.outcome import (
    failure,
    units_failure,
    warnings_failure,
)


@pytest.mark.parametrize("outcome", ["rolled_back", "rollback_failed", "refused", "failed", "superseded"])
def test_the_code_of_a_deployment_that_did_not_end_well_is_its_outcome(outcome: str) -> None:
    assert failure("d1", parse_answer(f"outcome={outcome}")).code == f"activation.{outcome}"


def test_what_the_target_calls_the_cause_is_the_code() -> None:
    error = failure("d1", parse_answer("outcome=refused\ncode=locked"))
    assert (error.code, error.details["outcome"]) == ("activation.locked", "refused")


def test_units_and_warnings_have_codes_of_their_own() -> None:
    answer = parse_answer("outcome=activated\nunits_failed=a.service\nwarning=no disk is left")
    assert units_failure("d1", answer).code == "activation.units"
    assert warnings_failure("d1", answer).code == "activation.warnings"
