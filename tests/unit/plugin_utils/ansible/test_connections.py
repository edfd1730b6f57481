# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine is given nothing where any machine would be believed: servers that run jobs switch the check off by themselves."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml

from ...playbook import run_playbook

pytestmark = pytest.mark.versions

# As Semaphore has it in the environment of each task.
UNCHECKED = {"ANSIBLE_HOST_KEY_CHECKING": "False"}
SSH = """#!/bin/sh
echo "$*" >>{log}
for command; do :; done
exec sh -c "$command"
"""
# Nothing that would change anything, of a module that might.
KEYS: dict[str, t.Any] = {"nix.fleet.nix_keys": {"keys": [{"name": "none", "state": "absent"}], "allow_disk": True}}
INFO: dict[str, t.Any] = {"nix.fleet.nix_info": {}}


def play(
    directory: Path,
    task: dict[str, t.Any],
    environment: dict[str, str] | None = None,
    **variables: t.Any,
) -> tuple[int, str, bool]:
    """Run a task on a machine, and return how it ended, what it said, and whether anything was said to the machine."""
    log = directory / "asked"
    ssh = directory / "ssh"
    ssh.write_text(SSH.format(log=log))
    ssh.chmod(0o755)
    hosts = {"web": {"ansible_ssh_executable": str(ssh), "ansible_pipelining": True, **variables}}
    (directory / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    (directory / "play.yml").write_text(yaml.safe_dump([{"hosts": "web", "gather_facts": False, "tasks": [task]}]))
    done = run_playbook("-i", "hosts.yml", "play.yml", cwd=directory, **(environment or {}))
    return done.returncode, done.stdout + done.stderr, log.exists()


def test_a_machine_whose_key_nobody_checks_is_refused_and_told_nothing(tmp_path: Path) -> None:
    status, said, asked = play(tmp_path, KEYS, UNCHECKED)
    assert (status, asked) == (2, False)
    assert "web: connection: " in said
    assert "ANSIBLE_HOST_KEY_CHECKING" in said
    assert "fleet_allow_unknown_hosts" in said


def test_whoever_says_so_has_any_machine_believed(tmp_path: Path) -> None:
    status, said, asked = play(tmp_path, KEYS, UNCHECKED, fleet_allow_unknown_hosts=True)
    assert (status, asked) == (0, True), said


def test_to_look_is_no_deployment(tmp_path: Path) -> None:
    _status, said, asked = play(tmp_path, INFO, UNCHECKED)
    assert asked, said


def test_a_builder_whose_key_nobody_checks_builds_nothing(tmp_path: Path) -> None:
    build = {"nix.fleet.nix_build": {"drv_path": f"/nix/store/{'a' * 32}-web.drv"}, "delegate_to": "web"}
    _status, said, asked = play(tmp_path, build, UNCHECKED)
    assert not asked
    assert "web: connection: " in said
