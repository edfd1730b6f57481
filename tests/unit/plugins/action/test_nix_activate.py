# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task's result tells the truth about the machine, and fails when the machine is not what was asked for."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.nix.fleet.plugins.action.nix_activate import ActionModule
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.run import last_run, remember_run

from .playing import Machine, played

OLD = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-old"
NEW = "/nix/store/1123456789abcdfghijklmnpqrsvwxyz-nixos-new"
CURRENT = f"closure={NEW}\nprevious_running={OLD}\nrunning={NEW}\ngeneration=2\n"


@pytest.fixture(autouse=True)
def _state(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def perform(answer: str | Machine | None, **given: t.Any) -> dict[str, t.Any]:
    """Run the action against a target that answers ``answer``."""
    machine = answer if isinstance(answer, Machine) else Machine(answer)
    settings = {name: given.pop(name) for name in ("check", "diff", "strategy", "nix_after") if name in given}
    wanted = {} if "rollback" in given else {"closure": NEW}
    return played(ActionModule, {**wanted, **given}, machine, **settings)


def test_an_activation_is_a_change() -> None:
    result = perform(f"outcome=activated\n{CURRENT}")
    assert (result["changed"], result["outcome"], result["running"], result["generation"]) == (
        True,
        "activated",
        NEW,
        2,
    )


def test_the_last_run_is_gone_back_from_by_its_name() -> None:
    assert perform("outcome=unchanged\n", rollback="last")["code"] == "activation.no_last_run"
    remember_run("monday", [])
    result = perform("outcome=unchanged\ncode=not_in_journal\n", rollback="last")
    assert (result["rollback"], result["recorded"]) == ("before:monday", False)


def test_the_last_run_stays_the_same_for_a_host_that_was_away_when_others_went_back() -> None:
    remember_run("monday", [])
    assert perform(f"outcome=activated\n{CURRENT}", rollback="last")["changed"]
    assert last_run("the next run", []) == "monday"
    assert perform(f"outcome=activated\n{CURRENT}")["run"] == last_run("the next run", [])


def test_a_success_and_a_failure_name_the_deployment() -> None:
    assert perform(f"outcome=activated\n{CURRENT}")["id"]
    for answer, seconds in ((FAILED_UNITS, 9), ("", 9), ("outcome=refused\n", 9), ("", 0)):
        result = perform(answer, activation_timeout=seconds)
        assert result["failed"]
        assert result["id"]


@pytest.mark.parametrize(
    ("outcome", "changed", "words"),
    [
        ("rolled_back", True, "the disk is full; the machine is back on the system it ran before"),
        ("rollback_failed", True, "FAILED too"),
        ("failed", True, "the disk is full"),
        ("refused", False, "the disk is full"),
    ],
)
def test_what_did_not_end_well_fails_with_the_cause_and_all_fields(outcome: str, changed: bool, words: str) -> None:
    result = perform(f"outcome={outcome}\ncause=the disk is full\n{CURRENT}log=last words")
    assert words in result["cause"]
    assert (result["failed"], result["outcome"], result["changed"], result["log"]) == (
        True,
        outcome,
        changed,
        "last words",
    )
    assert result["previous"]["running"] == OLD


FAILED_UNITS = f"outcome=activated\nunits_failed=a.service, b.service\n{CURRENT}"


def test_failed_units_fail_the_host_by_name() -> None:
    result = perform(FAILED_UNITS)
    assert (result["failed"], result["outcome"]) == (True, "activated")
    assert "a.service, b.service" in result["cause"]


def test_failed_units_that_are_to_be_ignored_are_a_warning() -> None:
    result = perform(FAILED_UNITS, failed_units="ignore")
    assert "a.service, b.service" in result["warnings"][0]


def test_what_an_activation_warns_of_is_a_warning() -> None:
    warned = f"outcome=activated\nwarning=Linking of /etc/hosts failed. Please remove this file.\n{CURRENT}"
    assert "/etc/hosts" in perform(warned)["warnings"][0]


def test_a_difference_that_cannot_be_had_never_stops_a_deployment() -> None:
    assert "diff" not in perform(f"outcome=activated\n{CURRENT}", diff=True, source_host="localhost")


@pytest.mark.parametrize(
    ("strategy", "warned"),
    [("linear", True), ("free", False), ("host_pinned", False), ("ansible.builtin.free", False)],
)
def test_a_confirmation_that_waits_for_other_hosts_is_warned_of(strategy: str, warned: bool) -> None:
    result = perform(f"outcome=awaiting\n{CURRENT}", strategy=strategy, confirm="later")
    assert any("waits for every other host" in text for text in result.get("warnings", ())) is warned


def test_a_query_begins_nothing() -> None:
    machine = Machine("outcome=needed\n")
    result = perform(machine, query=True)
    assert (result["changed"], result["outcome"], len(machine.scripts)) == (False, "needed", 1)
    assert "supervisor_main" not in machine.scripts[0]


@pytest.mark.parametrize(
    ("settings", "after"),
    [({}, ["web"]), ({"strategy": "linear"}, None), ({"check": True}, None), ({"nix_after": ["gone"]}, None)],
)
def test_a_query_tells_whom_the_host_can_wait_for(settings: dict[str, t.Any], after: list[str] | None) -> None:
    result = perform("outcome=needed\n", query=True, **{"nix_after": ["gone", "web"], **settings})
    assert result.get("after") == after


def test_a_query_finds_what_an_activation_would_have_found() -> None:
    result = perform(f"outcome=unchanged\n{CURRENT}", query=True)
    assert (result["changed"], result["outcome"], result["running"], result["generation"]) == (
        False,
        "unchanged",
        NEW,
        2,
    )


def test_what_no_machine_should_be_asked_is_refused_before_one_is() -> None:
    machine = Machine("outcome=needed\n")
    result = perform(machine, query=True, platform="darwin", goal="boot")
    assert (result["failed"], result["outcome"], machine.scripts) == (True, "refused", [])


@pytest.mark.parametrize("query", [False, True])
def test_a_machine_that_cannot_be_reached_is_unreachable(query: bool) -> None:
    with pytest.raises(AnsibleConnectionFailure):
        perform(None, query=query)


def test_a_query_wants_what_was_copied_to_be_kept() -> None:
    machine = Machine("outcome=needed\n")
    perform(machine, query=True)
    perform(machine, query=True, source_host="vps")
    perform(machine, query=True, check=True)
    assert [script.splitlines()[-1] for script in machine.scripts] == [
        "question_ask vps",
        "question_ask ''",
        "question_ask ''",
    ]


def test_a_profile_that_comes_after_another_says_so_while_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(ActionModule, "doing", lambda _self, text, **_more: said.append(text))
    perform("outcome=needed\n", query=True, nix_after=["web"])
    assert said[-1] == "waiting for web"
