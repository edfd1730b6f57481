# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task with a loop says, as one event, and why it failed."""

from __future__ import annotations

import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import Failure, TaskEvent, of_all_items
from ansible_collections.nix.fleet.plugins.plugin_utils.report.json_report import stages

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


def test_an_item_of_another_module_says_what_it_printed() -> None:
    failure = Failure.from_result(loop(item({"name": "x"}, failed=True, msg="non-zero return code", stderr="no space")))
    # What is looped over may be a whole structure, which is no name.
    assert failure == Failure("non-zero return code", None, "no space", None)


def test_items_that_went_well_each_say_what_they_did() -> None:
    done = item("page", changed=True, msg="1 of 2 files changed: /a", files=["/a"], reloaded=True)
    result = loop(done, item("mail", msg="1 file is up to date", files=[], reloaded=False), item("x", skipped=True))
    assert result["msg"] == "page: 1 of 2 files changed: /a; mail: 1 file is up to date"
    event = TaskEvent("web", "nix_runtime_data", "ok", 1.0, result)
    (stage,) = stages([event])["web"]
    assert stage.result == {"files": ["/a"], "reloaded": True}


def test_what_is_no_loop_is_left_as_it_is() -> None:
    for result in ({"msg": "x", "results": ["a"]}, {"msg": "x", "results": []}, {"msg": "x"}):
        assert of_all_items(result) == result
