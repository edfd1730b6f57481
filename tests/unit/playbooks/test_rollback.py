# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollback to what no host has a record of fails, as a wrong word must not pass for nothing to do."""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

import pytest

from ..playbook import run_playbook

RUN = "20260131T115930Z-07c1f3a2"


@pytest.fixture
def rolled_back(tmp_path: Path) -> t.Callable[[str], subprocess.CompletedProcess[str]]:
    """Return what goes back on two hosts, which are this machine with two places for a journal."""
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "hosts").write_text("one\ntwo\n")
    # That Nix is there is all that is asked of it.
    (tmp_path / "bin").mkdir()
    for name in ("nix", "nix-env", "nix-store"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    for host in ("one", "two"):
        shell = tmp_path / f"sh-{host}"
        shell.write_text(
            f'#!/bin/sh\nexport NIX_FLEET_STATE_DIRECTORY={tmp_path / host} PATH={tmp_path}/bin:$PATH\nexec sh "$@"\n'
        )
        shell.chmod(0o755)
        (tmp_path / f"host_vars/{host}.yml").write_text(f"ansible_shell_executable: {shell}\n")
    (tmp_path / "one").mkdir()
    entry = {"id": "a", "run": RUN, "profile": "/profile", "outcome": "rolled_back"}
    (tmp_path / "one/journal.jsonl").write_text(f"{json.dumps(entry, separators=(',', ':'))}\n")

    def roll_back(name: str) -> subprocess.CompletedProcess[str]:
        variables = {
            "rollback_to": name,
            "ansible_connection": "local",
            "nix_platform": "home-manager",
            "nix_profile": "/profile",
        }
        return run_playbook(
            *("nix.fleet.rollback", "-i", tmp_path / "hosts", "-e", json.dumps(variables)),
            cwd=tmp_path,
            XDG_STATE_HOME=str(tmp_path / "state"),
        )

    return roll_back


def test_what_one_host_has_a_record_of_is_known(rolled_back: t.Callable[..., t.Any]) -> None:
    done = rolled_back(f"before:{RUN}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "reason"), [("before:nothing", "See that a host has"), ("last", "activation.no_last_run")]
)
def test_what_nobody_has_a_record_of_fails(rolled_back: t.Callable[..., t.Any], name: str, reason: str) -> None:
    done = rolled_back(name)
    assert done.returncode == 2, done.stdout + done.stderr
    assert reason in done.stdout
