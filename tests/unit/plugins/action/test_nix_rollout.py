# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's part in a rollout: begin, unless others have failed; and in the end, say what was."""

from __future__ import annotations

import pathlib
import types
import typing as t

import pytest
from ansible import constants

from ansible_collections.nix.fleet.plugins.action.nix_rollout import ActionModule
from ansible_collections.nix.fleet.plugins.plugin_utils.errors import HeldBackError, NixError


@pytest.fixture(autouse=True)
def run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the directory of a run."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))


def perform(stage: str, host: str = "web", failure: dict[str, t.Any] | None = None, **given: t.Any) -> dict[str, t.Any]:
    action = ActionModule.__new__(ActionModule)
    action._task = t.cast("t.Any", types.SimpleNamespace(check_mode=False, delegate_to=None))
    hosts = ["web", "mail", "db", "shop"]
    action.variables = {
        "inventory_hostname": host,
        "ansible_play_hosts_all": hosts,
        "ansible_play_batch": hosts,
        "ansible_failed_result": failure,
    }
    return action.perform({"stage": stage, "max_failed": None, "pause": None, **given})


def test_everyone_begins_while_nobody_has_failed() -> None:
    result = perform("begin")
    assert (result["changed"], result["standing"], result["failures"], result["stopped"]) == (False, None, 0, False)


def test_a_failure_holds_the_others_back() -> None:
    perform("begin", "mail")
    perform("failed", "mail", {"cause": "no", "outcome": "rolled_back"})
    with pytest.raises(HeldBackError):
        perform("begin", "web")


def test_who_is_held_back_holds_nobody_back() -> None:
    perform("failed", "mail", {"outcome": "held_back"})
    assert perform("begin", "web")["failures"] == 0


def test_as_many_may_fail_as_was_said() -> None:
    perform("failed", "mail", {"cause": "no"})
    assert perform("begin", "web", max_failed="25%")["stopped"] is False
    perform("failed", "db", {"cause": "no"})
    with pytest.raises(HeldBackError):
        perform("begin", "web", max_failed="25%")
    assert perform("look", "web")["stopped"] is True


def test_the_end_tells_a_failure_again_without_all_that_has_been_said() -> None:
    perform("failed", "web", {"cause": "it hangs", "outcome": "rolled_back", "exception": "Traceback", "failed": True})
    result = perform("end", "web")
    assert (result["failed"], result["cause"], result["outcome"]) == (True, "it hangs", "rolled_back")
    assert "exception" not in result


def test_the_end_of_a_host_that_is_well_is_no_news() -> None:
    perform("failed", "mail", {"cause": "no"})
    assert "failed" not in perform("end", "web")


@pytest.mark.parametrize("stage", ["failed", "look", "end"])
@pytest.mark.parametrize("option", [{"max_failed": "1"}, {"pause": 5}])
def test_what_only_the_beginning_heeds_is_refused_elsewhere(stage: str, option: dict[str, t.Any]) -> None:
    with pytest.raises(NixError, match=f"{next(iter(option))} would do nothing in the stage {stage}"):
        perform(stage, **option)
