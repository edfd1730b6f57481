# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One record a host, folded from its events; a task with a loop is one event."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import Failure, TaskEvent, of_all_items
from ansible_collections.nix.fleet.plugins.plugin_utils.report.records import HostRecord, by_failure, records
from ansible_collections.nix.fleet.plugins.plugin_utils.report.summary import DEPLOYMENT

AT_THREE = {"generation": 3}
ACTIVATED: dict[str, t.Any] = {
    "changed": True,
    "outcome": "activated",
    "previous": AT_THREE,
    "generation": 4,
    "units_failed": [],
}


def event(module: str | None, status: t.Any = "ok", at: float = 0.0, host: str = "web", **result: t.Any) -> TaskEvent:
    return TaskEvent(host, module, status, at, result)


def only(*events: TaskEvent, failed: frozenset[str] | None = None) -> HostRecord:
    (record,) = records(events, failed=failed)
    return record


def failure_of(record: HostRecord) -> Failure:
    assert record.failure is not None
    return record.failure


UNCHANGED: dict[str, t.Any] = {"changed": False, "outcome": "unchanged"}


def checked(seen: TaskEvent) -> TaskEvent:
    """Return what was seen as a check mode would have it."""
    return dataclasses.replace(seen, check_mode=True)


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        ("built", [event("nix_eval"), event("nix_build", changed=True)]),
        ("unchanged", [event("nix_eval"), event("nix_build", changed=False)]),
        ("built", [event("nix_build", changed=True), event("nix_activate", outcome="needed")]),
        ("built", [event("nix_build", changed=True), event("nix_copy_closure", changed=False)]),
        ("unchanged", [event("nix_build", changed=False), event("nix_copy_closure", changed=False)]),
        ("copied", [event("nix_eval"), event("nix_copy_closure", changed=True)]),
        ("would copy", [checked(event("nix_copy_closure", changed=True))]),
        ("unchanged", [checked(event("nix_copy_closure", changed=False))]),
        ("would change", [checked(event(each, changed=True)) for each in ("nix_copy_closure", "nix_keys")]),
        ("would change", [checked(event("nix_activate", **ACTIVATED))]),
        ("set for boot", [event("nix_activate", changed=True, outcome="activated", goal="boot")]),
        ("dry run", [event("nix_activate", **UNCHANGED, goal="dry-activate")]),
        ("activated", [event("nix_activate", **ACTIVATED), event("nix_reboot", changed=False, rebooted=False)]),
        ("would reboot", [checked(event("nix_reboot", required=True, rebooted=False))]),
        ("keys brought", [event("nix_keys", changed=True), event("nix_eval"), event("nix_build", changed=False)]),
        ("data given", [event("nix_runtime_data", changed=True)]),
        ("unchanged", [event("nix_keys", changed=False)]),
        ("would change", [checked(event("nix_keys", changed=True))]),
        ("activated", [event("nix_activate", **ACTIVATED), event("nix_keys", changed=True)]),
        ("keys brought", [event("nix_activate", **UNCHANGED), event("nix_keys", changed=True)]),
        ("keys brought", [event("nix_keys", changed=True), event("nix_activate", **UNCHANGED)]),
        ("activated", [event("nix_activate", **ACTIVATED), event("nix_gc", changed=True)]),
        ("unchanged", [event("nix_gc", changed=False)]),
        ("unchanged", [event("nix_channel", changed=False)]),
        ("unchanged", [event("nix_import", changed=False)]),
        ("would change", [checked(event("nix_import", changed=True))]),
        # Gone back from, but not in this run.
        ("activated", [event("nix_activate", **ACTIVATED, journal={"run": "morning", "rollback": "before:night"})]),
        ("failed", [event("nix_health", "failed", stage="health", cause="status 500")]),
    ],
)
def test_of_all_that_a_run_did_the_most_is_told(outcome: str, events: list[TaskEvent]) -> None:
    assert only(*events).outcome == outcome


@pytest.mark.parametrize(
    ("outcome", "module", "result"),
    [
        ("unchanged", "nix_activate", {**UNCHANGED, "rollback": "before:night"}),
        ("collected", "nix_gc", {"changed": True}),
        ("moved", "nix_channel", {"changed": True}),
        ("written", "nix_import", {"changed": True}),
    ],
)
def test_what_a_module_says_of_its_work_is_noted(outcome: str, module: str, result: dict[str, t.Any]) -> None:
    record = only(event(module, **result, msg="what it did"))
    assert (record.outcome, record.note) == (outcome, "what it did")


def test_what_a_check_has_predicted_before_a_deployment_is_not_counted_again() -> None:
    steps = [
        event("nix_eval"),
        event("nix_copy_closure", changed=True, copied_bytes=5),
        event("nix_activate", **ACTIVATED),
    ]
    record = only(*map(checked, steps), *steps[:2], event("nix_activate", **UNCHANGED))
    assert (record.copied_bytes, record.outcome) == (5, "unchanged")


def test_what_was_kept_of_an_update_is_told_beside_what_it_would_change_and_not_of_a_check() -> None:
    seen = (event("nix_flake", changed=True, moved=[{}], msg="would move site"), event("nix_activate", changed=True))
    checks = [dataclasses.replace(each, check_mode=True) for each in seen]
    kept = event("nix_flake", changed=True, moved=[{}], msg="moved site: commit 0123456 on main")
    assert (only(*checks).outcome, DEPLOYMENT.notes(only(*checks))) == ("would change", [])
    assert only(*checks, kept).outcome == "would change"
    assert DEPLOYMENT.notes(only(*checks, kept)) == ["kept of the update: moved site: commit 0123456 on main"]


@pytest.mark.parametrize("outcome", ["activated", "confirmed"])
def test_to_be_deployed_to_once_more_and_found_in_order_takes_nothing_from_a_deployment(outcome: str) -> None:
    first: dict[str, t.Any] = {**ACTIVATED, "outcome": outcome, "units_failed": ["a.service"]}
    again: dict[str, t.Any] = {"changed": False, "outcome": "unchanged", "previous": {"generation": 4}, "generation": 4}
    record = only(
        event("nix_activate", **first),
        event("nix_eval"),
        event("nix_build", changed=False),
        event("nix_copy_closure", changed=False, copied_bytes=0),
        event("nix_activate", **again),
    )
    assert (record.outcome, record.generation_before, record.generation_after) == (outcome, 3, 4)
    assert record.units_failed == ("a.service",)


def test_what_was_copied_is_added_up_and_a_reboot_brings_what_needed_one_into_use() -> None:
    copied = event("nix_copy_closure", changed=True, copied_bytes=5)
    activated = event("nix_activate", **ACTIVATED, reboot_required=True)
    record = only(copied, copied, activated)
    assert (record.copied_bytes, record.reboot_required) == (10, True)
    rebooted = only(copied, activated, event("nix_reboot", changed=True, rebooted=True))
    assert (rebooted.outcome, rebooted.reboot_required) == ("rebooted", False)


def test_a_failure_that_was_rescued_is_not_one() -> None:
    events = (event("nix_activate", **ACTIVATED), event(None, "failed", msg="x"))
    record = only(*events, failed=frozenset())
    assert (record.outcome, record.failure) == ("recovered", None)


def test_an_unreachable_host_is_not_a_failed_one() -> None:
    record = only(event("nix_eval"), event("nix_copy_closure", "unreachable", msg="no route"), failed=frozenset())
    assert record.outcome == "unreachable"
    assert str(failure_of(record).advice).startswith("see that it is up")


def test_hosts_of_other_tasks_are_left_out() -> None:
    assert records([event(None), event(None, "failed", msg="x")]) == ()


def test_a_host_that_a_playbook_fails_after_it_was_rescued_failed_for_the_first_reason() -> None:
    record = only(
        event("nix_activate", "failed", outcome="rolled_back", cause="it hangs", stage="activation", log="it hung"),
        event(None),
        event(None, "failed", msg="it failed in the rollout"),
        failed=frozenset({"web"}),
    )
    assert record.outcome == "rolled back"
    assert (failure_of(record).cause, failure_of(record).log) == ("it hangs", "it hung")


def test_what_is_gone_back_from_in_the_same_run_is_undone() -> None:
    back = {**ACTIVATED, "generation": 3, "journal": {"run": "night", "rollback": "before:night"}}
    record = only(event("nix_activate", **ACTIVATED), event("nix_activate", **back))
    assert (record.outcome, record.generation_before, record.generation_after) == ("undone", 3, 3)


UNDOING = {**ACTIVATED, "previous": {"generation": 4}, "generation": 3, "journal": {"run": "x", "rollback": "before:x"}}


@pytest.mark.parametrize(
    ("events", "activated"),
    [
        ([event("nix_activate", **ACTIVATED)], True),
        ([event("nix_activate", **{**ACTIVATED, "changed": False, "outcome": "unchanged"})], False),
        ([event("nix_activate", **{**ACTIVATED, "outcome": "awaiting"})], False),
        ([event("nix_activate", **{**ACTIVATED, "outcome": "awaiting"}), event("nix_confirm", **ACTIVATED)], True),
        ([event("nix_activate", **ACTIVATED), event("nix_reboot", changed=True, rebooted=True)], True),
        ([event("nix_activate", **ACTIVATED), event(None, "failed", msg="no")], True),
        ([event("nix_activate", "failed", outcome="activated", stage="activation", units_failed=["x"])], True),
        ([event("nix_activate", "failed", **{**ACTIVATED, "outcome": "rolled_back"})], False),
        ([event("nix_activate", **ACTIVATED), event("nix_activate", **UNDOING)], False),
        ([event("nix_activate", **ACTIVATED), event("nix_activate", "failed", outcome="rolled_back")], False),
        ([dataclasses.replace(event("nix_activate", **ACTIVATED), check_mode=True)], False),
    ],
)
def test_a_host_is_activated_that_runs_something_else_by_this_run(events: list[TaskEvent], activated: bool) -> None:
    assert only(*events).activated is activated


UNHEALTHY = event("nix_health", "failed", stage="health", cause="the page: status 500 instead of 200", advice="look")
SENT_BACK: dict[str, t.Any] = {"outcome": "rolled_back", "previous": AT_THREE, "generation": 3, "stage": "activation"}
AWAITING: dict[str, t.Any] = {**ACTIVATED, "outcome": "awaiting"}


def test_a_host_that_a_check_sent_back_is_rolled_back_because_of_the_check() -> None:
    record = only(
        event("nix_activate", **AWAITING),
        UNHEALTHY,
        event("nix_confirm", "failed", cause="it was cancelled", **SENT_BACK),
    )
    assert (record.outcome, record.generation_after) == ("rolled back", 3)
    assert (failure_of(record).stage, failure_of(record).cause) == ("health", "the page: status 500 instead of 200")


def test_a_host_that_could_not_be_sent_back_is_reported_for_that() -> None:
    record = only(
        event("nix_activate", **AWAITING),
        UNHEALTHY,
        event("nix_confirm", "failed", cause="going back FAILED", outcome="rollback_failed", stage="activation"),
    )
    assert record.outcome == "rollback failed"
    assert failure_of(record).cause == "going back FAILED"


def test_a_host_that_did_not_stay_healthy_is_rolled_back_because_of_the_check() -> None:
    record = only(
        event("nix_confirm", **{**ACTIVATED, "outcome": "confirmed"}),
        UNHEALTHY,
        event("nix_activate", **{**ACTIVATED, "outcome": "confirmed", "generation": 3}),
        event("", "failed", msg="the page: status 500 instead of 200; the machine is back"),
    )
    assert (record.outcome, record.generation_after) == ("rolled back", 3)
    assert failure_of(record).stage == "health"


def test_what_goes_well_later_does_not_hide_that_a_host_was_unreachable() -> None:
    record = only(
        event("nix_activate", **AWAITING),
        event(None, "unreachable", msg="no route"),
        event("nix_confirm", **{**ACTIVATED, "outcome": "confirmed"}),
        failed=frozenset(),
    )
    assert record.outcome == "unreachable"
    assert failure_of(record).cause == "no route"


def test_a_host_that_nobody_confirmed_has_failed() -> None:
    record = only(event("nix_activate", **AWAITING), failed=frozenset())
    assert record.outcome == "awaiting"
    assert failure_of(record).code == "confirmation.missed"


@pytest.mark.parametrize("ending", [event("nix_activate", outcome="unchanged"), event("nix_activate", "unreachable")])
def test_a_host_that_did_not_stay_healthy_and_did_not_go_back_is_not_rolled_back(ending: TaskEvent) -> None:
    record = only(
        event("nix_confirm", **{**ACTIVATED, "outcome": "confirmed"}),
        UNHEALTHY,
        ending,
        event("", "failed", msg="the page: status 500 instead of 200; the machine did not go back"),
        failed=frozenset({"web"}),
    )
    assert record.outcome == "failed"
    assert failure_of(record).cause.endswith("the machine did not go back")


SAID = {"msg": "non-zero return code"}


def failed(host: str, task: str, module: str | None = None, status: t.Any = "failed", **result: t.Any) -> TaskEvent:
    return TaskEvent(host, module, status, 1.0, result or SAID, task=task)


def together(*events: TaskEvent) -> list[list[str]]:
    """Return the names of the hosts of each failure, where a module of ours has run for all of them before."""
    before = [TaskEvent(event.host, "nix_build", "ok", 0.0) for event in events]
    return list(by_failure(records([*before, *events])).values())


def test_the_same_sentence_of_different_tasks_is_not_one_cause() -> None:
    assert together(failed("web", "Ask"), failed("db", "Do"), failed("mail", "Ask")) == [["web", "mail"], ["db"]]


BROKEN: dict[str, t.Any] = {
    "failed": True,
    "msg": "web: data: /etc/page.json is not valid",
    "cause": "/etc/page.json is not valid",
    "stage": "data",
    "log": "line 1: nonsense",
    "command": "page check",
    "advice": "correct the data",
}


def item(name: t.Any, **result: t.Any) -> dict[str, t.Any]:
    return {"ansible_loop_var": "item", "item": name, "_ansible_item_label": name, **result}


def loop(*items: dict[str, t.Any], **result: t.Any) -> dict[str, t.Any]:
    failed = any(each.get("failed") for each in items)
    words = {"failed": True, "msg": "One or more items failed"} if failed else {"msg": "All items completed"}
    return of_all_items({"changed": False, **words, "results": [*items], **result})


def test_of_a_loop_the_item_that_failed_says_why() -> None:
    result = loop(item("mail", msg="1 file is up to date"), item("page", **BROKEN))
    assert Failure.from_result(result) == Failure(
        "page: /etc/page.json is not valid", "data", "line 1: nonsense", "correct the data"
    )
    assert result["command"] == "page check"


def test_of_several_items_that_failed_each_is_named_and_the_first_has_its_reasons_told() -> None:
    failure = Failure.from_result(
        loop(item("page", **BROKEN), item("mail", failed=True, msg="Task failed: no such user\nmore of it"))
    )
    assert failure.cause == "page: /etc/page.json is not valid; mail: no such user"
    assert failure.log == "line 1: nonsense"


def test_items_that_went_well_each_say_what_they_did() -> None:
    done = item("page", changed=True, msg="1 of 2 files changed: /a", files=["/a"], reloaded=True)
    result = loop(done, item("mail", msg="1 file is up to date", files=[], reloaded=False), item("x", skipped=True))
    assert result["msg"] == "page: 1 of 2 files changed: /a; mail: 1 file is up to date"
    assert (result["files"], result["reloaded"]) == (["/a"], True)


def test_a_choice_that_is_empty_is_not_listed() -> None:
    wrong = "value of deploy_reboot must be one of: never, always, , got: alwas"
    failure = Failure.from_result({"failed": True, "argument_errors": [wrong], "msg": "Validation failed"})
    assert failure.cause == "value of deploy_reboot must be one of: never, always, got: alwas"
