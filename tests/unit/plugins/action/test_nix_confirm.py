# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes with a confirmation, and with one that came too late."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_confirm import ActionModule
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.run import last_run

from .playing import Machine, played

CLOSURE = "/nix/store/1123456789abcdfghijklmnpqrsvwxyz-nixos-new"


def test_what_an_activation_has_warned_of_comes_with_its_confirmation(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    machine = Machine(f"outcome=confirmed\nclosure={CLOSURE}\nwarning=a file is in the way\n")
    result = played(ActionModule, {"deployment": "a-deployment"}, machine)
    assert (result["outcome"], "in the way" in result["warnings"][0]) == ("confirmed", True)


def test_who_confirms_by_hand_leaves_the_last_run_to_be_the_one_that_deployed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    machine = Machine(f'outcome=confirmed\nclosure={CLOSURE}\nentry={{"outcome": "confirmed", "run": "monday"}}\n')
    played(ActionModule, {"deployment": "a-deployment"}, machine)
    assert last_run("own", []) == "monday"


@pytest.mark.parametrize(("reason", "told"), [("", False), ("the shop is down", True)])
def test_a_cancellation_that_came_too_late_has_its_reason_only_where_one_was_given(reason: str, told: bool) -> None:
    machine = Machine(f"outcome=confirmed\nclosure={CLOSURE}\n")
    options = {"deployment": "a-deployment", "confirmation": "cancel", "reason": reason}
    cause = played(ActionModule, options, machine)["cause"]
    assert "no reason" not in cause
    assert (f"({reason})" in cause) == told
