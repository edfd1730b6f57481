# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller without room, or with a file system that is read-only, says which directory it is, and does what it can."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .lab import new_fleet
from .project import Project

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to mount a file system")

# What becomes of an empty file system that is mounted at $1.
FULL = 'mount -t tmpfs -o size=64k tmpfs "$1" && ! head -c 1M /dev/zero >"$1/all" 2>/dev/null'
NO_INODES = 'mount -t tmpfs -o size=8m,nr_inodes=3 tmpfs "$1"'
READ_ONLY = 'mount -t tmpfs tmpfs "$1" && mount -o remount,ro "$1"'
STATES = {"full": FULL, "no inodes": NO_INODES, "read-only": READ_ONLY}
BY_STATE = pytest.mark.parametrize(
    "state", ["full", *(pytest.param(state, marks=pytest.mark.thorough) for state in ("no inodes", "read-only"))]
)


@pytest.fixture(scope="module", autouse=True)
def fleet() -> None:
    """Have what the project names: nothing is asked of a host."""
    new_fleet("vps-sg-1")


def play(
    project: Project, state: str, place: Path, *playbook: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Play where ``place`` is in that state."""
    place.mkdir(exist_ok=True)
    return subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c", f'{STATES[state]}; shift; exec "$@"', "sh", str(place)),
            *("ansible-playbook", *playbook, "-l", "vps-sg-1", "-e", "deploy_build_on=controller"),
        ],
        cwd=project.root,
        env={**project.environment, "COLUMNS": "200", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@BY_STATE
def test_nor_does_it_cost_a_copy_anything(project: Project, tmp_path: Path, state: str) -> None:
    place = tmp_path / "temporary"
    run = play(project, state, place, "nix.fleet.deploy", "--tags", "evaluate,build,copy", TMPDIR=str(place))
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 host: 1 " in run.stdout


@BY_STATE
def test_a_home_where_neither_ansible_nor_what_is_built_lies_costs_a_copy_its_caches_alone(
    project: Project, tmp_path: Path, state: str
) -> None:
    home = tmp_path / "home"
    elsewhere = {"ANSIBLE_HOME": str(tmp_path / "ansible"), "XDG_STATE_HOME": str(tmp_path / "state")}
    run = play(project, state, home, "nix.fleet.deploy", "--tags", "evaluate,build,copy", HOME=str(home), **elsewhere)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{home}/.cache/nix.fleet/evaluation cannot be used" in run.stderr
    assert "1 host: 1 " in run.stdout


def test_what_is_built_has_no_place_in_a_home_that_is_read_only(project: Project, tmp_path: Path) -> None:
    home = tmp_path / "home"
    run = play(project, "read-only", home, "nix.fleet.build", HOME=str(home), ANSIBLE_HOME=str(tmp_path / "ansible"))
    assert run.returncode == 2, run.stdout + run.stderr
    assert "nix.no_room" in run.stdout
    assert f"{home}/.local on the controller cannot be written" in run.stdout
    assert "XDG_STATE_HOME" in run.stdout


@pytest.mark.parametrize("playbook", [["nix.fleet.build"], ["nix.fleet.deploy", "--tags", "evaluate,build,copy"]])
def test_ansibles_own_directory_without_room_is_named_and_the_summary_printed(
    project: Project, tmp_path: Path, playbook: list[str]
) -> None:
    home = tmp_path / "home"
    run = play(project, "full", home, *playbook, HOME=str(home))
    assert run.returncode == 2, run.stdout + run.stderr
    assert f"{home}/.cache/nix.fleet/evaluation cannot be used" in run.stdout
    assert f"{home}/.ansible/tmp/" in run.stdout
    assert "ANSIBLE_LOCAL_TEMP" in run.stdout
    assert run.stdout.rstrip().splitlines()[-1].startswith("1 host: 1 failed")
    assert "Traceback" not in run.stdout + run.stderr
