# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that a run leaves on a terminal or in a log, and the picture of who is at work."""

from __future__ import annotations

import io
import typing as t

import pytest
from rich.console import Console

from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import TaskEvent
from ansible_collections.nix.fleet.plugins.plugin_utils.report.progress import Progress
from ansible_collections.nix.fleet.plugins.plugin_utils.report.terminal import (
    BRIEF_SECONDS,
    DIFF_LINES,
    LONG_RUNNING_SECONDS,
    Host,
    TerminalLog,
    picture,
)

ACTIVATED: dict[str, t.Any] = {"changed": True, "outcome": "confirmed", "previous": {"generation": 4}, "generation": 5}
BROKEN: dict[str, t.Any] = {
    "msg": "web: build: page did not build",
    "cause": "page did not build",
    "stage": "build",
    "log": "line one",
}


class Run:
    """A terminal's log, and hosts that go through tasks."""

    def __init__(self, *, drawn: bool = True) -> None:
        self.log = TerminalLog(lambda: 80, drawn=drawn)
        self.log.play(["web", "db"])
        self.now = 0.0

    def task(self, host: str, module: str | None, status: t.Any = "ok", task: str = "", **result: t.Any) -> list[str]:
        self.log.began(TaskEvent(host, module, "started", self.now, task=task))
        self.now += 2
        lines = self.log.ended(TaskEvent(host, module, status, self.now, result, task=task))
        return [line.text for line in lines]


def test_a_host_that_is_activated_has_a_line() -> None:
    run = Run()
    assert run.task("web", "nix_build", changed=True) == []
    (line,) = run.task("web", "nix_activate", **ACTIVATED)
    assert line.split() == "✓ web confirmed 4 → 5 4.0 s".split()


def test_a_host_that_was_only_asked_is_not_done() -> None:
    run = Run()
    run.task("web", "nix_build")
    assert run.task("web", "nix_activate", outcome="needed", msg="there is something to do") == []
    run.task("web", "nix_copy_closure", changed=True)
    assert len(run.task("web", "nix_activate", **ACTIVATED)) == 1
    assert run.log.finish_all() == []


@pytest.mark.parametrize("drawn", [True, False])
def test_a_host_that_has_nothing_to_do_is_left_to_the_table(drawn: bool) -> None:
    run = Run(drawn=drawn)
    assert run.task("web", "nix_eval", msg="evaluated") == []
    assert run.task("web", "nix_activate", outcome="unchanged", msg="runs already") == []
    assert run.log.finish_all() == []
    assert "1 unchanged" in run.log.counts(run.now + 5, 5)


def test_a_host_that_is_left_in_the_middle_has_the_time_and_the_command_that_decides() -> None:
    run = Run()
    run.task("web", "nix_activate", **{**ACTIVATED, "outcome": "awaiting"})
    run.log.update([Progress("web", "waiting for confirmation", 30, "abc-1")], run.now)
    lines = [line.text.strip() for line in run.log.unconfirmed(run.now + 3, f" -i {'x' * 80}")]
    assert lines[0].endswith("in 27 s")
    command = f"ansible web -i {'x' * 80} -m nix.fleet.nix_confirm -a"
    assert f"{command} deployment=abc-1" in lines
    assert f"{command} 'deployment=abc-1 confirmation=cancel'" in lines


def test_a_host_that_is_left_before_it_waits_has_the_command_too() -> None:
    run = Run()
    run.log.began(TaskEvent("web", "nix_activate", "started", run.now))
    run.log.update([Progress("web", "activating", None, "abc-1")], run.now)
    lines = [line.text.strip() for line in run.log.unconfirmed(run.now)]
    assert "ansible web -m nix.fleet.nix_confirm -a deployment=abc-1" in lines


def test_the_table_of_an_interrupted_run_says_of_whom_it_left_at_work_or_being_activated() -> None:
    run = Run()
    run.task("web", "nix_activate", **{**ACTIVATED, "outcome": "awaiting"})
    run.task("db", "nix_build")
    run.log.began(TaskEvent("db", "nix_activate", "started", run.now))
    run.task("mail", "nix_build")
    run.log.began(TaskEvent("mail", "nix_copy_closure", "started", run.now))
    run.task("done", "nix_activate", **ACTIVATED)
    assert {record.host: record.outcome for record in run.log.interrupted_records(run.now)} == {
        "web": "activating",
        "db": "activating",
        "mail": "interrupted",
        "done": "confirmed",
    }
    heads = [line.text.split()[0] for line in run.log.unconfirmed(run.now) if line.meaning == "failed"]
    assert heads == ["web", "db"]


def test_below_a_host_that_failed_is_why_and_what_was_run() -> None:
    run = Run()
    head, cause, log, command, *_rest = run.task("web", "nix_build", "failed", command="nix build", **BROKEN)
    assert head.startswith("✗ web")
    assert cause.strip() == "build: page did not build"
    assert (log.strip(), command.strip()) == ("line one", "command: nix build")


def test_what_fails_several_hosts_alike_is_explained_once() -> None:
    run = Run()
    run.task("web", "nix_eval", "failed", **BROKEN)
    head, cause = run.task("db", "nix_eval", "failed", **BROKEN)
    assert head.startswith("✗ db")
    assert cause == "    as web: build: page did not build"


def test_where_nothing_is_drawn_each_stage_that_has_changed_something_has_a_line() -> None:
    run = Run(drawn=False)
    path = f"/nix/store/{'0' * 32}-system"
    assert run.task("web", "nix_build", changed=True, msg=f"built {path}") == ["web  build: built system (2.0 s)"]
    assert run.task("web", "nix_cache_push", msg="nothing to push") == []
    assert run.task("web", None, task="Look") == []
    assert run.task("web", None, task="Do", changed=True) == ["web  Do: changed (2.0 s)"]
    assert run.log.finish_all() == []


def test_where_nothing_is_drawn_a_host_that_takes_long_says_so_now_and_then() -> None:
    log = TerminalLog(lambda: 80, drawn=False)
    log.play(["web"])
    log.began(TaskEvent("web", "nix_build", "started", 0))
    assert log.long_running(LONG_RUNNING_SECONDS - 1) == []
    (line,) = log.long_running(LONG_RUNNING_SECONDS)
    assert line.text == "web  building (1 min 00 s)"
    assert log.long_running(LONG_RUNNING_SECONDS + 1) == []


def difference(run: Run, host: str, text: str, module: str = "nix_activate") -> list[str]:
    return [line.text for line in run.log.add_diff(TaskEvent(host, module, "started", run.now), text)]


def test_what_changes_alike_on_several_hosts_is_told_once() -> None:
    run = Run()
    assert difference(run, "web", "linux 6.1 → 6.2\n") == []
    assert difference(run, "db", "linux 6.1 → 6.2\n") == ["web, db:", "  linux 6.1 → 6.2"]


def test_a_change_of_many_lines_is_cut_with_a_count() -> None:
    run = Run()
    difference(run, "web", "\n".join(f"package-{number}" for number in range(100)))
    *_shown, last = difference(run, "db", "other")[: 2 + DIFF_LINES]
    assert last == f"  … and {100 - DIFF_LINES} more lines (-v shows all)"


LATER = BRIEF_SECONDS + 1


def sentence(host: Host, now: float) -> str | None:
    return host.text(now) if host.is_shown(now) else None


def test_a_host_at_work_does_what_it_said_last_and_is_at_work_between_two_tasks() -> None:
    host = Host("web")
    host.begin("building", 0, asks=False)
    assert sentence(host, 0) == "building"
    host.say(Progress("web", "building 2/2 b"), 1)
    assert sentence(host, 1) == "building 2/2 b"
    host.end(4)
    assert sentence(host, 4.1) == "building 2/2 b"
    assert sentence(host, 4 + LATER) is None


def test_the_time_until_a_machine_goes_back_is_counted_down() -> None:
    host = Host("web", awaiting=True)
    host.begin("activating", 0, asks=False)
    host.say(Progress("web", "waiting for confirmation", 30), 1)
    assert sentence(host, 4) == "waiting for confirmation, 27 s left"
    assert "goes back by itself" in host.text(40)
    assert "has not said" in host.text(100)
    host.end(4)
    host.begin("checking", 5, asks=False)
    assert sentence(host, 5 + LATER) == "checking, 24 s left"
    host.awaiting = False
    host.end(8)
    host.begin("rebooting", 9, asks=False)
    assert sentence(host, 9 + LATER) == "rebooting"


def test_who_is_done_stays_so_until_a_task_takes_its_time() -> None:
    run = Run()
    run.task("web", "nix_activate", **ACTIVATED)
    run.log.began(TaskEvent("web", "nix_reboot", "started", 5))
    assert run.log.counts(5, 5) == "2 hosts: 1 confirmed, 1 waiting (5.0 s)"
    assert run.log.counts(5 + LATER, 7) == "2 hosts: 1 at work, 1 waiting (7.0 s)"


def test_a_task_that_has_nothing_to_do_leaves_a_host_where_it_was() -> None:
    run = Run()
    run.task("web", "nix_activate", **ACTIVATED)
    run.task("db", "nix_build")
    for name in ("web", "db"):
        run.log.began(TaskEvent(name, "nix_reboot", "started", 5))
        run.log.skipped(name, 7)
    assert [(host.name, host.text(7.1)) for host in run.log.working(7.1)] == [("db", "building")]
    assert run.log.counts(7 + LATER, 7) == "2 hosts: 1 confirmed, 1 waiting (7.0 s)"


def test_who_is_done_is_no_more_once_a_task_has_ended_and_nobody_is_at_work_when_a_play_begins() -> None:
    run = Run()
    run.task("web", "nix_activate", **ACTIVATED)
    assert run.log.working(run.now) == []
    run.task("web", "nix_build")
    assert run.log.counts(run.now + LATER, 7) == "2 hosts: 2 waiting (7.0 s)"
    run.task("web", "nix_activate", **ACTIVATED)
    run.log.began(TaskEvent("web", "nix_reboot", "started", run.now))
    run.log.play(["web", "db"])
    assert run.log.working(run.now + LATER) == []


def test_what_holds_a_role_together_is_no_work_of_a_host_but_its_first() -> None:
    log = Run().log
    for number, module in enumerate(("", "nix_build", "")):
        log.began(TaskEvent("web", module, "started", number * 10, task="Include"))
    assert [host.text(30) for host in log.working(30)] == ["building"]


def test_nothing_is_drawn_while_somebody_has_to_type() -> None:
    log = Run().log
    assert not log.is_busy()
    log.began(TaskEvent("web", "nix_build", "started", 0))
    assert log.is_busy()
    log.began(TaskEvent("db", None, "started", 0, task="Ask"), asks=True)
    assert not log.is_busy()


def drawn(log: TerminalLog, *, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=80, soft_wrap=True, color_system=None)
    with console.capture() as capture:
        console.print(picture(log, now=60, seconds=60, height=height))
    return capture.get().splitlines()


@pytest.mark.parametrize("height", [5, 24, 60])
def test_two_hundred_hosts_fit_any_terminal(height: int) -> None:
    log = Run().log
    log.play(f"web-{number}" for number in range(200))
    for number in range(200):
        log.began(TaskEvent(f"web-{number}", "nix_build", "started", number / 100))
    lines = drawn(log, height=height)
    assert len(lines) < height
    shown = sum(line.startswith("  web-") for line in lines)
    assert f"{200 - shown} more at work" in lines[-2]


def test_what_a_machine_says_gives_the_terminal_no_orders() -> None:
    log = Run().log
    log.began(TaskEvent("web", None, "started", 0, task="[bold]\x1b[2J\x07"))
    assert "[bold]\\x07" in drawn(log)[0]
