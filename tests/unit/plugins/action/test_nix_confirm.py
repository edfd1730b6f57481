# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an activation has warned of comes with its confirmation, and fails the host where that is wanted."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_confirm import ActionModule

from .playing import Machine, played

CLOSURE = "/nix/store/1123456789abcdfghijklmnpqrsvwxyz-nixos-new"
WARNING = "Linking of /etc/hosts failed. Please remove this file."


@pytest.mark.parametrize("fails", [False, True])
def test_what_an_activation_has_warned_of_fails_its_confirmation_where_that_is_wanted(
    fails: bool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    machine = Machine(f"outcome=confirmed\nclosure={CLOSURE}\nwarning={WARNING}\n")
    result = played(ActionModule, {"deployment": "a-deployment", "fail_on_warnings": fails}, machine)
    assert (result.get("failed", False), result["outcome"]) == (fails, "confirmed")
    assert WARNING in (result["cause"] if fails else result["warnings"][0])


@pytest.mark.parametrize(("reason", "told"), [("", False), ("the shop is down", True)])
def test_a_cancellation_that_came_too_late_has_its_reason_only_where_one_was_given(reason: str, told: bool) -> None:
    machine = Machine(f"outcome=confirmed\nclosure={CLOSURE}\n")
    options = {"deployment": "a-deployment", "confirmation": "cancel", "reason": reason}
    cause = played(ActionModule, options, machine)["cause"]
    assert "no reason" not in cause
    assert (f"({reason})" in cause) == told
