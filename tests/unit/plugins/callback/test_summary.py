# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callback makes of Ansible's events."""

from __future__ import annotations

import json
import stat
import time
import types
import typing as t
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.callback import summary
from ansible_collections.nix.fleet.plugins.callback.summary import CallbackModule
from ansible_collections.nix.fleet.plugins.plugin_utils.report import output
from ansible_collections.nix.fleet.plugins.plugin_utils.report.nix_activities import Slice, write_notes
from ansible_collections.nix.fleet.plugins.plugin_utils.run_state.run_state import RunState


class Screen:
    """Takes the place of Ansible's display."""

    verbosity = 0

    def __init__(self) -> None:
        self.lines: list[str] = []

    def banner(self, text: str) -> None:
        self.lines.append(text)

    def display(self, text: str, color: str | None = None) -> None:
        self.lines.append(text)

    def warning(self, text: str) -> None:
        self.lines.append(f"warning: {text}")


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> CallbackModule:
    plugin = CallbackModule()
    monkeypatch.setattr(plugin, "_display", Screen())
    monkeypatch.setattr(plugin, "get_option", {}.get)
    return plugin


def task(action: str, role: str | None = None, resolved: str | None = None) -> t.Any:
    named = types.SimpleNamespace(get_name=lambda: role) if role else None
    return types.SimpleNamespace(action=action, resolved_action=resolved or action, _role=named, check_mode=False)


def result(host: str, of: t.Any, **fields: t.Any) -> t.Any:
    return types.SimpleNamespace(_host=types.SimpleNamespace(get_name=lambda: host), _task=of, _result=fields)


def stats(**failures: int) -> t.Any:
    return types.SimpleNamespace(failures=failures, dark={})


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


@pytest.fixture
def wanted(plugin: CallbackModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that both reports are asked for in."""
    options = {"report": str(tmp_path / "report.json"), "report_markdown": str(tmp_path / "summary.md")}
    monkeypatch.setattr(plugin, "get_option", options.get)
    return tmp_path


def begin(plugin: CallbackModule, *, check_mode: bool = False, **extra: t.Any) -> None:
    plugin.v2_playbook_on_start(types.SimpleNamespace(_file_name="/srv/fleet/deploy.yml"))
    plugin.v2_playbook_on_play_start(
        types.SimpleNamespace(
            check_mode=check_mode, get_variable_manager=lambda: types.SimpleNamespace(extra_vars=extra)
        )
    )


def test_the_reports_are_written_where_they_are_wanted(plugin: CallbackModule, wanted: Path) -> None:
    begin(plugin, check_mode=True, awx_job_id=17, awx_user_name="alice")
    plugin.v2_runner_on_ok(result("web", task("nix.fleet.nix_info"), generation=3))
    plugin.v2_playbook_on_stats(stats())
    report = json.loads((wanted / "report.json").read_text())
    assert (report["run"]["playbooks"], report["run"]["check_mode"]) == (["deploy.yml"], True)
    assert (report["run"]["job"]["name"], report["run"]["job"]["user"]) == ("AWX job 17", "alice")
    assert [host["host"] for host in report["hosts"]] == ["web"]
    assert "<code>web</code>" in (wanted / "summary.md").read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in wanted.iterdir()} == {0o600}


def test_a_report_is_written_even_when_no_host_took_part(plugin: CallbackModule, wanted: Path) -> None:
    begin(plugin)
    plugin.v2_playbook_on_stats(stats())
    assert json.loads((wanted / "report.json").read_text())["hosts"] == []


def test_a_failure_that_is_ignored_is_a_stage_and_fails_no_host(plugin: CallbackModule, wanted: Path) -> None:
    plugin.v2_runner_on_failed(result("web", task("nix.fleet.nix_eval"), msg="no"), ignore_errors=True)
    plugin.v2_runner_on_ok(result("web", task("nix.fleet.nix_build"), changed=False))
    plugin.v2_playbook_on_stats(stats())
    (host,) = json.loads((wanted / "report.json").read_text())["hosts"]
    assert host["result"] == "ok"
    assert [(stage["stage"], stage["status"]) for stage in host["stages"]] == [
        ("evaluation", "failed"),
        ("build", "ok"),
    ]


def test_passwords_in_addresses_get_into_no_report(plugin: CallbackModule, wanted: Path) -> None:
    begin(plugin)
    failure = {"cause": "cannot fetch https://me:hunter2@forge.example/fleet", "log": "https://hunter2@forge.example"}
    plugin.v2_runner_on_failed(result("web", task("nix.fleet.nix_eval"), **failure))
    plugin.v2_playbook_on_stats(stats(web=1))
    assert "hunter2" not in "".join(path.read_text() for path in wanted.iterdir())
    assert not any("hunter2" in line for line in printed(plugin))


def test_a_report_that_cannot_be_written_is_told_before_anything_is_done(
    plugin: CallbackModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "get_option", {"report": str(tmp_path / "no/report.json")}.get)
    begin(plugin)
    assert printed(plugin) == [f"warning: {tmp_path}/no/report.json cannot be written: No such file or directory"]


@pytest.mark.parametrize(
    "error", [ValueError("no"), OSError(5, "no"), KeyError("no")], ids=lambda error: type(error).__name__
)
def test_a_form_that_cannot_be_made_costs_neither_the_table_nor_the_other_forms(
    plugin: CallbackModule, wanted: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_arguments: t.Any) -> t.NoReturn:
        raise error

    monkeypatch.setattr(output, "document", broken)
    begin(plugin)
    plugin.v2_runner_on_ok(result("web", task("nix.fleet.nix_info"), generation=3))
    plugin.v2_playbook_on_stats(stats())
    lines = printed(plugin)
    assert lines[0] == "FLEET"
    assert lines[-1].startswith(f"warning: {wanted}/report.json cannot be written: ")
    assert "no" in lines[-1]
    assert "<code>web</code>" in (wanted / "summary.md").read_text()


def run_with(plugin: CallbackModule, monkeypatch: pytest.MonkeyPatch, **options: str) -> None:
    monkeypatch.setattr(plugin, "get_option", options.get)
    begin(plugin)
    plugin.v2_playbook_on_stats(stats())


def test_a_file_that_is_named_for_two_forms_is_told_of(
    plugin: CallbackModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "report")
    run_with(plugin, monkeypatch, report=path, report_markdown=path)
    (line,) = printed(plugin)
    assert line.startswith(f"warning: {path} is named for two reports, and gets the markdown alone")
    assert (tmp_path / "report").read_text().startswith("<!-- nix.fleet -->")


@pytest.fixture
def traced(plugin: CallbackModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that a trace is asked for in."""
    options = {"trace": str(tmp_path / "run.json")}
    monkeypatch.setattr(plugin, "get_option", options.get)
    monkeypatch.setattr(summary, "run_state", lambda: RunState(tmp_path))
    return tmp_path


def slices(trace: Path) -> list[str]:
    return [event["name"] for event in json.loads(trace.read_text())["traceEvents"] if event["ph"] == "X"]


def test_a_trace_has_what_the_processes_of_the_run_noted(plugin: CallbackModule, traced: Path) -> None:
    begin(plugin)
    build = task("nix.fleet.nix_build")
    plugin.v2_runner_on_start(types.SimpleNamespace(get_name=lambda: "web"), build)
    now = time.monotonic()
    write_notes(RunState(traced), "web", [Slice("build nginx", "nix-build", now, now, {}, 1)])
    plugin.v2_runner_on_ok(result("web", build, out_path="/nix/store/x"))
    plugin.v2_playbook_on_stats(stats())
    assert slices(traced / "run.json") == ["build", "build nginx"]
    assert stat.S_IMODE((traced / "run.json").stat().st_mode) == 0o600


def test_processes_note_nothing_where_nobody_wants_a_trace(
    plugin: CallbackModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary, "run_state", lambda: RunState(tmp_path))
    begin(plugin)
    plugin.v2_playbook_on_stats(stats())
    assert list(tmp_path.iterdir()) == []


def test_a_report_with_the_ending_of_html_is_a_page(
    plugin: CallbackModule, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(plugin, "get_option", {"report": str(tmp_path / "x.html")}.get)
    plugin.v2_runner_on_ok(result("web", task("nix.fleet.nix_activate"), changed=False, outcome="unchanged"))
    plugin.v2_playbook_on_stats(stats())
    assert (tmp_path / "x.html").read_text().startswith("<!DOCTYPE html>")
