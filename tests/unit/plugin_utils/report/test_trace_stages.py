# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks of a host as slices."""

from __future__ import annotations

import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import TaskEvent
from ansible_collections.nix.fleet.plugins.plugin_utils.report.trace_stages import stages

if t.TYPE_CHECKING:
    from ansible_collections.nix.fleet.plugins.plugin_utils.report.slice import Slice


def events(module: str | None, status: t.Any = "ok", *, task: str = "", **result: t.Any) -> list[TaskEvent]:
    return [
        TaskEvent("web", module, "started", 1.0, task=task),
        TaskEvent("web", module, status, 3.0, result, task=task),
    ]


def only(found: list[TaskEvent]) -> Slice:
    (slice_,) = stages(found)["web"]
    return slice_


def test_a_module_of_ours_is_named_for_its_stage() -> None:
    copy = only(events("nix_copy_closure", task="Copy", msg="2 paths copied", changed=True, copied_bytes=2048))
    assert (copy.name, copy.category, copy.began, copy.ended) == ("copy", "copy", 1.0, 3.0)
    assert copy.detail == {
        "task": "Copy",
        "status": "ok",
        "changed": True,
        "result": "2 paths copied",
        "copied": "2.0 KiB",
    }


def test_any_other_task_has_its_own_name() -> None:
    other = only(events(None, task="Restart the proxy"))
    assert (other.name, other.category) == ("Restart the proxy", "task")


def test_a_question_before_an_activation_is_told_from_it() -> None:
    asked = only(events("nix_activate", task="Look whether it runs already", outcome="needed"))
    assert (asked.name, asked.category) == ("Look whether it runs already", "activation")


def test_a_failure_says_why() -> None:
    failed = only(events("nix_build", "failed", cause="nginx did not build", msg="web: build: nginx did not build"))
    assert failed.detail["status"] == "failed"
    assert failed.detail["cause"] == "nginx did not build"


def test_a_skipped_task_did_nothing() -> None:
    skipped = TaskEvent("web", None, "started", 0.0, task="Skipped")
    assert only([skipped, *events(None, task="Done")]).name == "Done"


def test_what_others_return_is_not_told() -> None:
    assert "secret" not in str(only(events(None, task="Fetch", msg="secret", stdout="secret")))
