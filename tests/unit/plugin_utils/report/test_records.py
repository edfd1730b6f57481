# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host's record says after the events of a run."""

from __future__ import annotations

import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import TaskEvent
from ansible_collections.nix.fleet.plugins.plugin_utils.report.records import HostRecord, records

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


def test_a_deployment_says_from_which_generation_to_which() -> None:
    record = only(
        event("nix_eval"),
        event("nix_build", changed=True),
        event("nix_copy_closure", copied_bytes=1024),
        event("nix_activate", **ACTIVATED),
    )
    assert (record.outcome, record.generation_before, record.generation_after) == ("activated", 3, 4)
    assert record.copied_bytes == 1024


def test_a_first_deployment_has_no_generation_before() -> None:
    record = only(event("nix_activate", changed=True, outcome="activated", previous={"generation": None}, generation=1))
    assert (record.generation_before, record.generation_after) == (None, 1)


def test_several_activations_count_from_the_first() -> None:
    again = {**ACTIVATED, "previous": {"generation": 4}, "generation": 5}
    record = only(event("nix_activate", **ACTIVATED), event("nix_activate", **again))
    assert (record.generation_before, record.generation_after) == (3, 5)


def test_several_copies_are_added_up() -> None:
    record = only(event("nix_copy_closure", copied_bytes=10), event("nix_copy_closure", copied_bytes=5))
    assert record.copied_bytes == 15


def test_a_run_that_only_builds_ends_with_what_the_build_did() -> None:
    assert only(event("nix_eval"), event("nix_build", changed=True)).outcome == "built"
    assert only(event("nix_eval"), event("nix_build", changed=False)).outcome == "unchanged"


def test_the_time_runs_from_the_first_start_to_the_last_end() -> None:
    record = only(event("nix_eval", "started", 2.0), event("nix_eval", at=3.0), event("nix_build", at=7.5))
    assert record.seconds == 5.5


def test_a_failure_keeps_what_was_known_before_it() -> None:
    record = only(
        event("nix_copy_closure", copied_bytes=7),
        event("nix_activate", "failed", outcome="rolled_back", previous=AT_THREE, generation=3, cause="it broke"),
    )
    assert (record.outcome, record.copied_bytes, record.generation_after) == ("rolled back", 7, 3)
    assert record.failure is not None
    assert record.failure.cause == "it broke"


def test_a_failure_of_any_other_task_on_the_host_is_its_failure() -> None:
    record = only(event("nix_activate", **ACTIVATED), event(None, "failed", msg="the page does not answer"))
    assert (record.outcome, record.generation_after) == ("failed", 4)
    assert record.failure is not None
    assert record.failure.cause == "the page does not answer"


def test_a_failure_that_was_rescued_is_not_one() -> None:
    events = (event("nix_activate", **ACTIVATED), event(None, "failed", msg="x"))
    record = only(*events, failed=frozenset())
    assert (record.outcome, record.failure) == ("recovered", None)


def test_an_unreachable_host_is_not_a_failed_one() -> None:
    record = only(event("nix_eval"), event("nix_copy_closure", "unreachable", msg="no route"), failed=frozenset())
    assert record.outcome == "unreachable"
    assert record.failure is not None


def test_check_mode_says_what_would_happen() -> None:
    would = TaskEvent(
        "web",
        "nix_activate",
        "ok",
        1.0,
        {"changed": True, "outcome": "activated", "previous": AT_THREE},
        check_mode=True,
    )
    assert only(would).outcome == "would change"


def test_a_system_for_the_next_boot_is_not_said_to_run() -> None:
    assert only(event("nix_activate", changed=True, outcome="activated", goal="boot")).outcome == "set for boot"


def test_a_dry_run_is_not_said_to_be_a_deployment() -> None:
    assert only(event("nix_activate", changed=False, outcome="unchanged", goal="dry-activate")).outcome == "dry run"


def test_hosts_of_other_tasks_are_left_out() -> None:
    assert records([event(None), event(None, "failed", msg="x")]) == ()


def test_hosts_come_in_the_order_in_which_they_appeared() -> None:
    order = [record.host for record in records([event("nix_eval", host="b"), event("nix_eval", host="a")])]
    assert order == ["b", "a"]


def test_a_new_system_whose_units_failed_is_a_failure() -> None:
    units = {**ACTIVATED, "units_failed": ["page.service"], "cause": "these units failed: page.service"}
    record = only(event("nix_activate", "failed", **units))
    assert (record.outcome, record.generation_after, record.units_failed) == ("failed", 4, ("page.service",))
