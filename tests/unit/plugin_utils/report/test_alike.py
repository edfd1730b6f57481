# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts failed for the very same cause."""

from __future__ import annotations

import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.report.alike import by_failure
from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import TaskEvent
from ansible_collections.nix.fleet.plugins.plugin_utils.report.records import records

SAID = {"msg": "non-zero return code"}


def failed(host: str, task: str, module: str | None = None, status: t.Any = "failed", **result: t.Any) -> TaskEvent:
    return TaskEvent(host, module, status, 1.0, result or SAID, task=task)


def together(*events: TaskEvent) -> list[list[str]]:
    """Return the names of the hosts of each failure, where a module of ours has run for all of them before."""
    before = [TaskEvent(event.host, "nix_build", "ok", 0.0) for event in events]
    return list(by_failure(records([*before, *events])).values())


def test_the_same_sentence_of_different_tasks_is_not_one_cause() -> None:
    assert together(failed("web", "Ask"), failed("db", "Do"), failed("mail", "Ask")) == [["web", "mail"], ["db"]]


def test_a_play_that_fails_what_was_rescued_makes_no_one_cause_of_it() -> None:
    again = [failed(host, "Count it as failed") for host in ("web", "db")]
    assert together(failed("web", "Ask"), failed("db", "Do"), *again) == [["web"], ["db"]]


def test_a_stage_says_where_whatever_its_task_is_called() -> None:
    said = {"cause": "no such attribute", "stage": "evaluation"}
    assert together(failed("web", "One", "nix_eval", **said), failed("db", "Other", "nix_eval", **said)) == [
        ["web", "db"]
    ]
    other = {**said, "stage": "build"}
    assert together(failed("web", "One", **said), failed("db", "One", **other)) == [["web"], ["db"]]


def test_whom_no_task_could_reach_is_unreachable_for_one_cause() -> None:
    assert together(failed("web", "Ask", status="unreachable"), failed("db", "Do", status="unreachable")) == [
        ["web", "db"]
    ]
