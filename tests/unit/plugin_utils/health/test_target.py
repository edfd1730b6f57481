# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a target finds out by itself, in one round trip: real shells, with the test's programs first on PATH."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import time
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_health import ActionModule
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed
from ansible_collections.nix.fleet.plugins.plugin_utils.health.checks import (
    Check,
    Context,
    Finding,
    Request,
    Response,
    checks_of,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.health.observation import TargetAwayError, run_checks

# What the scripts themselves need, and nothing that could be found by accident.
NEEDED = "sh cat head sleep setsid ps awk grep kill env tr yes".split()


class Target:
    """A shell with few programs."""

    host = "vps-1"

    def __init__(self, directory: pathlib.Path, shell: list[str]) -> None:
        self.programs = directory / "bin"
        self.programs.mkdir()
        self.trips = 0
        self.away = False
        self._shell = shell
        for program in NEEDED:
            self.take(program)

    def take(self, program: str) -> None:
        found = shutil.which(program)
        if found is None:
            pytest.skip(f"there is no {program} here")
        (self.programs / program).symlink_to(found)

    def install(self, name: str, text: str) -> None:
        (self.programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.programs / name).chmod(0o755)

    def run(self, script: str, *arguments: str) -> Completed:
        self.trips += 1
        if self.away:
            raise TargetAwayError("the machine cannot be reached: connection refused")
        argv = [*self._shell, "-s", "--", *arguments]
        done = subprocess.run(
            argv,
            input=script,
            capture_output=True,
            text=True,
            env={"PATH": str(self.programs)},
            check=False,
            timeout=30,
        )
        return Completed(tuple(argv), done.returncode, done.stdout, done.stderr)

    def findings(self, *entries: dict[str, t.Any]) -> list[Finding]:
        return run_checks(checks(*entries), self)

    def finding(self, **given: t.Any) -> Finding:
        (found,) = self.findings(given)
        return found


def nobody(_request: Request) -> Response:
    raise AssertionError("the controller is not asked")


def checks(*entries: dict[str, t.Any]) -> list[Check]:
    usual = {name: spec.get("default") for name, spec in ActionModule.argument_spec["checks"]["options"].items()}
    return checks_of([usual | entry for entry in entries], Context(lambda: "127.0.0.1", nobody))


@pytest.fixture(params=["dash", "bash", "busybox sh"])
def target(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Target:
    program, *arguments = str(request.param).split()
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"there is no {program} here")
    return Target(tmp_path, [found, *arguments])


def test_all_checks_of_the_target_take_one_round_trip(target: Target) -> None:
    found = target.findings({"command": "true"}, {"command": "echo no; exit 4"}, {"command": "true"})
    assert [each.held for each in found] == [True, False, True]
    assert found[1].text == "exit code 4 instead of 0: no"
    assert target.trips == 1


def test_what_a_command_says_may_be_what_counts(target: Target) -> None:
    assert target.finding(command="echo ready >&2", contains="ready").held
    found = target.finding(command="echo starting", contains="ready")
    assert (found.held, found.text) == (False, "its output does not contain 'ready'")
    assert found.output.strip() == "starting"


def test_words_reach_a_command_as_they_are(target: Target) -> None:
    words = ["a b", "$(id)", "; exit 1", "'", '"', "*", "line\nbreak", "é", "\\n"]
    found = target.finding(command=["/usr/bin/printf", "<%s>", *words], contains="".join(f"<{word}>" for word in words))
    assert found.held, found.output


def test_a_command_without_an_end_is_ended(target: Target) -> None:
    begin = time.monotonic()
    found = target.finding(command="sleep 1000 | cat; echo never", timeout=1)
    assert (found.held, found.text) == (False, "did not end within 1 s")
    assert time.monotonic() - begin < 10


def test_output_without_an_end_is_cut_off(target: Target) -> None:
    found = target.finding(command="yes", timeout=1)
    assert found.held is False
    assert 0 < len(found.output) <= 64 * 1024


def test_what_a_command_leaves_behind_holds_nothing_up(target: Target) -> None:
    begin = time.monotonic()
    assert target.finding(command="sleep 1000 & exit 0").held
    assert time.monotonic() - begin < 10


def test_output_that_pretends_to_be_the_frame_is_only_output(target: Target) -> None:
    assert target.finding(command="printf '\\nnix.fleet-0 end\\n0 \\n'; exit 1").held is False


def test_a_target_that_cannot_be_reached_fails_each_of_its_checks(target: Target) -> None:
    target.away = True
    found = target.findings({"command": "true"}, {"units": ["all"]})
    assert [(each.held, each.text) for each in found] == [
        (False, "the machine cannot be reached: connection refused"),
    ] * 2


def test_checks_without_an_answer_do_not_hold(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "run", lambda _script: Completed(("sh",), 255, "", "closed"))
    found = target.findings({"command": "true"}, {"command": "true"})
    assert [(each.held, each.output) for each in found] == [(False, "closed")] * 2


def test_a_machine_without_systemctl_is_told_so_at_once(target: Target) -> None:
    found = target.finding(units=["all"])
    assert (found.held, found.final) == (False, True)
    assert "no systemctl" in found.text


def test_failed_units_are_named_but_for_those_that_may_fail(target: Target) -> None:
    target.install(
        "systemctl",
        "echo 'backup-home.service loaded failed failed Backup'\necho 'web.service loaded failed failed Web'",
    )
    assert target.finding(units=["all"]).text == "backup-home.service has failed, web.service has failed"
    assert target.finding(units=["all"], **{"except": ["backup-*"]}).text == "web.service has failed"
    assert target.finding(units=["all"], **{"except": ["backup-*", "web.service"]}).held


def test_named_units_must_be_active(target: Target) -> None:
    target.install(
        "systemctl",
        r"printf 'Result=success\nLoadState=loaded\nActiveState=active\n\n"
        r"Result=exit-code\nLoadState=loaded\nActiveState=failed\n\n"
        r"Result=success\nLoadState=not-found\nActiveState=inactive\n'",
    )
    found = target.finding(units=["a", "b.socket", "c"])
    assert (found.held, found.text) == (False, "b.socket is failed (exit-code), there is no unit c.service")
    assert target.finding(units=["a", "b"]).text == "systemctl described 3 of 2 units"


def test_a_systemctl_that_fails_is_no_healthy_machine(target: Target) -> None:
    target.install("systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    found = target.finding(units=["nginx"])
    assert (found.held, found.text) == (False, "systemctl ended with exit code 1")
    assert "bus" in found.output
