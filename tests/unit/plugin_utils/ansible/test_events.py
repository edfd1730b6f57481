# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's events as the report has them."""

from __future__ import annotations

import pathlib
import types
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.events import (
    COLLECTION_ROOT,
    ended,
    our_module,
)


def task(resolved: str, role: str | None = None) -> t.Any:
    named = types.SimpleNamespace(get_name=lambda: role) if role else None
    return types.SimpleNamespace(
        action="nix_build", resolved_action=resolved, _role=named, name="Build", check_mode=False
    )


def test_a_short_name_of_a_module_is_recognised_by_what_it_resolves_to() -> None:
    assert our_module(task("nix.fleet.nix_build")) == "nix_build"
    assert our_module(task("another.collection.nix_build")) is None


def test_a_password_in_an_address_is_not_kept() -> None:
    host = types.SimpleNamespace(get_name=lambda: "web")
    said = {"msg": "cannot fetch https://me:hunter2@forge.example/fleet"}
    event = ended(types.SimpleNamespace(_host=host, _task=task("nix.fleet.nix_build"), _result=said), "failed")
    assert (event.host, event.module, event.status, event.task) == ("web", "nix_build", "failed", "Build")
    assert "hunter2" not in str(event.result)


def test_what_an_item_of_a_loop_says_is_said_of_the_task() -> None:
    host = types.SimpleNamespace(get_name=lambda: "web")
    item = {"ansible_loop_var": "item", "item": "page", "failed": True, "cause": "it is not valid", "stage": "data"}
    said = {"msg": "One or more items failed", "failed": True, "results": [item]}
    event = ended(types.SimpleNamespace(_host=host, _task=task("nix.fleet.nix_runtime_data"), _result=said), "failed")
    assert (event.result["cause"], event.result["stage"]) == ("page: it is not valid", "data")


def origin(path: str, status: t.Any = "failed") -> str:
    task = types.SimpleNamespace(action="ansible.builtin.raw", name="Ask", check_mode=False, get_path=lambda: path)
    host = types.SimpleNamespace(get_name=lambda: "web")
    return ended(types.SimpleNamespace(_host=host, _task=task, _result={"msg": "no"}), status).origin


def test_a_failed_task_of_the_users_own_has_its_file_and_line(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert origin(f"{tmp_path}/site.yml:12") == "site.yml:12"
    assert origin("/etc/fleet/site.yml:12") == "/etc/fleet/site.yml:12"
    # Of this collection are the files of its directory roles, and of none whose name begins so.
    assert origin(f"{COLLECTION_ROOT}/roles/deploy/tasks/main.yml:9") == ""
    assert origin(f"{COLLECTION_ROOT}/roles-mine/tasks/main.yml:9") != ""
