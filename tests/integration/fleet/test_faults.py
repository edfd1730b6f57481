# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with machines and people: the host stays whole, and running again recovers."""

from __future__ import annotations

import secrets
import signal
import subprocess
import typing as t

import pytest

from .lab import lab, running

if t.TYPE_CHECKING:
    from .project import Project

pytestmark = pytest.mark.thorough


@pytest.fixture
def edited(servers: Project) -> Project:
    """Return a project that the web servers run, but for an edit."""
    servers.edit("nix/roles/web.nix", "</title>", f" {secrets.token_hex(4)}</title>")
    return servers


def test_a_full_disk_stops_its_host_only(edited: Project) -> None:
    before = running("vps-sg-2")
    lab("fill-disk", "vps-sg-2")
    try:
        run = edited.run("deploy.yml", "-l", "vps")
    finally:
        lab("free-disk", "vps-sg-2")
    assert run.hosts(failed=1) == {"vps-sg-2"}
    assert "disk is full" in run.output
    assert running("vps-sg-2") == before
    assert edited.run("deploy.yml", "-l", "vps").rc == 0
    assert running("vps-sg-2") != before


def test_a_wrong_password_for_sudo_is_told(project: Project) -> None:
    run = project.run("deploy.yml", "-l", "macbook", "-e", "ansible_become_password=wrong")
    assert run.rc == 2
    assert "Incorrect sudo password" in run.output
    assert "'wrong'" not in run.output


@pytest.mark.parametrize("stage", ["Evaluate", "Build", "Copy", "Activate"])
def test_an_interrupted_run_leaves_whole_machines_and_the_next_one_goes_on(edited: Project, stage: str) -> None:
    process = edited.start("deploy.yml", "-l", "vps")
    assert process.stdout is not None
    # A task's name is printed with its first result: the hosts are in that stage or the next.
    for line in process.stdout:
        if f"nix.fleet.deploy : {stage}]" in line:
            break
    interrupt(process)
    again = edited.run("deploy.yml", "-l", "vps")
    assert again.rc == 0, again.output
    for host in ("vps-sg-1", "vps-sg-2", "vps-de-1"):
        now = running(host)
        assert now.system == now.default
    assert edited.run("deploy.yml", "-l", "vps").closing.startswith("3 hosts: 3 unchanged")


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press ctrl-C, and once more when nothing comes of it.

    ansible-core can wait for ever for the queue of its results, when a worker is ended just while it writes there.
    """
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
