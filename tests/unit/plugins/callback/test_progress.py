# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callback makes of Ansible's events where standard output is no terminal."""

from __future__ import annotations

import pathlib
import threading
import types
import typing as t

import pytest
from ansible import constants, context

from ansible_collections.nix.fleet.plugins.callback import progress
from ansible_collections.nix.fleet.plugins.callback.progress import CallbackModule
from ansible_collections.nix.fleet.plugins.plugin_utils.report.progress import Progress, send

ACTIVATED = {"changed": True, "outcome": "activated", "previous": {"generation": 1}, "generation": 2, "msg": "runs now"}


class Screen:
    """Takes the place of Ansible's display."""

    verbosity = 0

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.lines: list[str] = []

    def display(self, text: str, color: str | None = None) -> None:
        self.lines.append(text)

    def warning(self, text: str) -> None:
        self.lines.append(f"warning: {text}")


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> CallbackModule:
    plugin = CallbackModule()
    screen = Screen()
    monkeypatch.setattr(plugin, "_display", screen)
    monkeypatch.setattr(plugin, "_lock", screen._lock)
    monkeypatch.setattr(constants, "CALLBACKS_ENABLED", [])
    return plugin


def printed(plugin: CallbackModule) -> list[str]:
    screen: t.Any = plugin._display
    assert isinstance(screen, Screen)
    return screen.lines


def task(action: str, name: str = "") -> t.Any:
    return types.SimpleNamespace(
        action=action, resolved_action=action, name=name, check_mode=False, get_name=lambda: name
    )


def result(of: t.Any, **fields: t.Any) -> t.Any:
    host = types.SimpleNamespace(get_name=lambda: "web")
    # By both names that ansible-core has for it.
    return types.SimpleNamespace(_host=host, _task=of, _result=fields, result=fields)


class Stats:
    """Ansible's counts of one host."""

    processed = {"web": 1}

    def __init__(self, **counts: int) -> None:
        self.counts = {"ok": 0, "changed": 0, "failures": 0, "unreachable": 0} | counts
        self.failures = {"web": counts.get("failures", 0)}

    def summarize(self, host: str) -> dict[str, int]:
        return self.counts


def test_the_table_is_left_to_the_callback_that_is_there_for_it(
    plugin: CallbackModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "CALLBACKS_ENABLED", ["nix.fleet.summary"])
    plugin.v2_runner_on_ok(result(task("nix.fleet.nix_activate"), **ACTIVATED))
    plugin.v2_playbook_on_stats(Stats(ok=1))
    assert printed(plugin) == ["web  activation: runs now (0.0 s)"]


def test_several_playbooks_are_one_run(
    plugin: CallbackModule, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(progress, "progress_pipe", lambda: tmp_path / "pipe")
    heard = []
    monkeypatch.setattr(plugin._log, "update", lambda words, _at: heard.extend(words))
    for playbook in ("one.yml", "two.yml"):
        plugin.v2_playbook_on_start(playbook)
        send(tmp_path / "pipe", Progress("web", f"at work for {playbook}"))
        plugin.v2_runner_on_ok(result(task("nix.fleet.nix_activate"), **ACTIVATED))
        plugin.v2_playbook_on_stats(Stats(ok=1))
    assert [word.text for word in heard] == ["at work for one.yml", "at work for two.yml"]
    assert sum(line.startswith("web   activated  1 → 2") for line in printed(plugin)) == 2


def test_what_a_task_is_there_to_print_is_printed(plugin: CallbackModule) -> None:
    plugin.v2_runner_on_ok(
        result(task("ansible.builtin.debug"), _ansible_verbose_always=True, msg=["one", "t\x1b[2Jwo"])
    )
    assert printed(plugin) == ["web: one", "web: two"]


def test_a_failure_that_is_ignored_is_told_as_such(plugin: CallbackModule) -> None:
    plugin.v2_runner_on_failed(result(task("ansible.builtin.raw", "Look"), msg="no"), ignore_errors=True)
    assert printed(plugin) == ["web: Look: no (ignored)"]


def test_passwords_in_addresses_are_shown_nowhere(plugin: CallbackModule) -> None:
    address = "git+https://me:hunter2@forge.example/fleet"
    loop = task("nix.fleet.nix_flake", "Update")
    plugin.v2_runner_item_on_failed(result(loop, msg=f"cannot fetch {address}", item=address))
    plugin.v2_runner_item_on_ok(result(task("ansible.builtin.debug"), _ansible_verbose_always=True, msg=address))
    plugin.v2_on_file_diff(
        result(loop, results=[{"changed": True, "diff": {"before": f"old {address}\n", "after": f"new {address}\n"}}])
    )
    plugin.v2_runner_on_failed(result(loop, msg=f"cannot fetch {address}"), ignore_errors=True)
    assert "hunter2" not in "".join(printed(plugin))
    plugin.v2_runner_on_ok(result(loop, warnings=[f"Nix: {address} is old"]))
    assert "hunter2" not in "".join(printed(plugin))
    assert sum(text.count("git+https://me:***@forge.example") for text in printed(plugin)) == 7


def test_an_interrupted_run_says_how_far_each_host_was(
    plugin: CallbackModule, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(progress, "progress_pipe", lambda: tmp_path / "pipe")
    plugin.v2_playbook_on_start("deploy.yml")
    plugin.v2_runner_on_start(types.SimpleNamespace(get_name=lambda: "web"), task("nix.fleet.nix_confirm"))
    send(tmp_path / "pipe", Progress("web", "waits for its confirmation", 27))
    plugin.leave()
    assert printed(plugin)[:2] == ["interrupted", "web  waits for its confirmation, 27 s left (0.0 s)"]


@pytest.mark.parametrize(
    ("inventory", "extra", "options"),
    [
        (["/etc/ansible/hosts"], {}, ""),
        (
            ["/nowhere/fleet", "web,"],
            {"nix_fleet_state_directory": "/persist"},
            " -i /nowhere/fleet -i web, -e nix_fleet_state_directory=/persist",
        ),
        (["/etc/ansible/hosts"], {"fleet_hosts": "web:&sg"}, " -e 'fleet_hosts=web:&sg'"),
        (["/etc/ansible/hosts"], {"fleet_hosts": ["web", "db"]}, " -e fleet_hosts=web,db"),
    ],
)
def test_what_undoes_the_run_has_what_the_run_was_called_with(
    plugin: CallbackModule, monkeypatch: pytest.MonkeyPatch, inventory: list[str], extra: dict[str, t.Any], options: str
) -> None:
    monkeypatch.setattr(constants, "DEFAULT_HOST_LIST", ["/etc/ansible/hosts"])
    monkeypatch.setattr(context, "CLIARGS", {"inventory": inventory})
    manager = types.SimpleNamespace(extra_vars=extra, get_vars=lambda play: {"ansible_play_hosts_all": ["web"]})
    plugin.v2_playbook_on_play_start(types.SimpleNamespace(get_variable_manager=lambda: manager))
    plugin.v2_runner_on_ok(result(task("nix.fleet.nix_activate"), **ACTIVATED, run="night"))
    plugin.v2_playbook_on_stats(Stats(ok=1))
    assert f"undo: ansible-playbook nix.fleet.rollback -e rollback_to=before:night{options}" in printed(plugin)


def test_a_run_that_has_ended_says_nothing_more(plugin: CallbackModule) -> None:
    plugin.v2_playbook_on_start("deploy.yml")
    plugin.v2_playbook_on_stats(Stats(ok=1))
    said = list(printed(plugin))
    plugin.leave()
    assert printed(plugin) == said
