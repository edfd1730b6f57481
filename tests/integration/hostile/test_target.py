# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target that answers nonsense fails alone: the run ends, the other host is deployed, and nothing is obeyed here.

Not at -vvv: there Ansible itself prints what ssh said, as it came.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ..fleet.project import Project, Run
from .conftest import BAD, GOOD

pytestmark = pytest.mark.thorough

NOISE = r"""\033[2J\033]0;owned\007 {{ lookup("pipe","touch CANARY") }} $(touch CANARY) `touch CANARY`"""
# What the login shell does with `-c COMMAND`.
REFUSES = f"printf '{NOISE}\\n' >&2; exit 1"
ENDS_IN_THE_MIDDLE = "printf 'nonsense' ; exit 0"
BINARY = "head -c 100000 /dev/urandom"
HUGE = 'head -c 100000000 /dev/urandom; exec /bin/sh "$@"'
ENDLESS = "exec yes outcome=activated"
ENDLESS_ERRORS = "exec yes outcome=activated >&2"


def run(project: Project) -> Run:
    return project.run("deploy.yml", "-l", f"{GOOD},{BAD}")


def check(project: Project, answer: Run, canary: Path) -> None:
    assert answer.rc == 2, answer.output
    assert answer.hosts(failed=1) == {BAD}
    assert answer.counts(GOOD)["failed"] == 0
    assert answer.closing.startswith("2 hosts: 1 unchanged, 1 failed")
    assert "Traceback" not in answer.output
    assert "\x1b" not in answer.output
    assert "\x07" not in answer.output
    assert not canary.exists()
    assert not (project.root / canary.name).exists()


@pytest.mark.parametrize("script", [REFUSES, ENDS_IN_THE_MIDDLE, BINARY, HUGE, ENDLESS, ENDLESS_ERRORS])
def test_a_login_shell_that_talks_nonsense_fails_its_host_alone(
    project: Project, login_shell: Callable[[str], None], tmp_path: Path, script: str
) -> None:
    canary = tmp_path / "canary"
    login_shell(script.replace("CANARY", str(canary)))
    began = time.monotonic()
    check(project, run(project), canary)
    assert time.monotonic() - began < 300


def test_a_banner_of_a_login_shell_is_passed_over(
    project: Project, login_shell: Callable[[str], None], tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    login_shell(f"printf '{NOISE}\\n'; exec /bin/sh \"$@\"".replace("CANARY", str(canary)))
    answer = project.run("deploy.yml", "-l", BAD)
    assert answer.rc == 0, answer.output
    assert not canary.exists()
    assert "\x1b" not in answer.output


@pytest.mark.parametrize(
    "script",
    [
        f"printf '{NOISE}\\n'; exit 1",
        f"printf '/nix/store/{NOISE}\\n'",
        "exec head -c 1000000 /dev/urandom",
        "kill -9 $PPID",
    ],
)
def test_a_store_that_answers_nonsense_fails_its_host_alone(
    project: Project, program: Callable[[str, str], None], tmp_path: Path, script: str
) -> None:
    canary = tmp_path / "canary"
    program("nix-store", script.replace("CANARY", str(canary)))
    project.edit("inventory/nodes.nix", 'greeting = "Hello";', f'greeting = "{tmp_path.name}";')
    answer = run(project)
    assert answer.rc == 2, answer.output
    assert answer.hosts(failed=1) == {BAD}
    assert "Traceback" not in answer.output
    assert "\x1b" not in answer.output
    assert not canary.exists()


def test_a_store_that_never_answers_is_left_behind_at_the_tasks_timeout(
    project: Project, program: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    program("nix-store", "exec sleep 100000")
    monkeypatch.setenv("ANSIBLE_TASK_TIMEOUT", "20")
    answer = run(project)
    assert answer.hosts(failed=1) == {BAD}
    assert answer.counts(GOOD)["failed"] == 0
