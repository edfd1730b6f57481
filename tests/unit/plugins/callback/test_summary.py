# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callback makes of Ansible's events."""

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.callback import summary as callback
from ansible_collections.nix.fleet.plugins.callback.summary import CallbackModule, our_module


class Screen:
    """Takes the place of Ansible's display."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def banner(self, text: str) -> None:
        self.lines.append(text)

    def display(self, text: str, color: str | None = None) -> None:
        self.lines.append(text)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> CallbackModule:
    plugin = CallbackModule()
    monkeypatch.setattr(plugin, "_display", Screen())
    monkeypatch.setattr(plugin, "get_option", {"width": 80}.__getitem__)
    return plugin


def task(action: str, role: str | None = None, resolved: str | None = None) -> t.Any:
    named = types.SimpleNamespace(get_name=lambda: role) if role else None
    return types.SimpleNamespace(action=action, resolved_action=resolved or action, _role=named, check_mode=False)


def result(host: str, of: t.Any, **fields: t.Any) -> t.Any:
    return types.SimpleNamespace(_host=types.SimpleNamespace(get_name=lambda: host), _task=of, _result=fields)


def stats(**failures: int) -> t.Any:
    return types.SimpleNamespace(failures=failures)


def printed(plugin: CallbackModule) -> list[str]:
    screen: t.Any = plugin._display
    assert isinstance(screen, Screen)
    return screen.lines


def test_a_run_without_our_modules_prints_nothing(plugin: CallbackModule) -> None:
    plugin.v2_runner_on_ok(result("web", task("ansible.builtin.debug"), msg="hello"))
    plugin.v2_playbook_on_stats(stats())
    assert printed(plugin) == []


def test_a_run_with_our_modules_ends_with_the_table(plugin: CallbackModule) -> None:
    activate = task("nix.fleet.nix_activate")
    plugin.v2_runner_on_ok(
        result("web", activate, changed=True, outcome="activated", previous={"generation": 1}, generation=2)
    )
    plugin.v2_playbook_on_stats(stats())
    lines = printed(plugin)
    assert lines[0] == "FLEET"
    assert lines[2].startswith("web   activated  1 → 2")


def test_an_ignored_failure_is_not_reported(plugin: CallbackModule) -> None:
    plugin.v2_runner_on_ok(result("web", task("nix.fleet.nix_info")))
    plugin.v2_runner_on_failed(result("web", task("ansible.builtin.raw"), msg="no"), ignore_errors=True)
    plugin.v2_playbook_on_stats(stats())
    assert "failed" not in printed(plugin)[-1]


def test_a_failure_of_the_role_itself_is_reported(plugin: CallbackModule) -> None:
    validation = task("ansible.builtin.validate_argument_spec", role="nix.fleet.deploy")
    plugin.v2_runner_on_failed(result("web", validation, msg="value of deploy_goal must be one of"))
    plugin.v2_playbook_on_stats(stats(web=1))
    assert printed(plugin)[-1].startswith("1 host: 1 failed")


def test_a_short_name_of_a_module_is_recognised_by_what_it_resolves_to() -> None:
    assert our_module(task("nix_build", resolved="nix.fleet.nix_build")) == "nix_build"
    assert our_module(task("nix_build", resolved="another.collection.nix_build")) is None


def test_its_name_is_the_one_to_enable_it_by() -> None:
    assert CallbackModule.CALLBACK_NAME == "nix.fleet.summary"
    assert callback.COLLECTION == "nix.fleet."
