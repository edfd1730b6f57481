# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run does not wait without end for one of Ansible's own processes that is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from .project import Project, ended

PLAYBOOK = """
- hosts: vps-sg-1
  gather_facts: false
  strategy: host_pinned
  tasks:
    - name: Sleep
      ansible.builtin.raw: sleep 60
"""


def worker_of(run: int) -> int:
    """Return the process that works for the run's only host, once there is one."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = subprocess.run(
            ["pgrep", "-P", str(run), "-f", "ansible-playbook"], capture_output=True, text=True, check=False
        )
        if found.stdout.strip():
            return int(found.stdout.split()[0])
        time.sleep(0.1)
    raise AssertionError("no host is worked for")


@pytest.mark.thorough
def test_a_worker_that_is_killed_ends_the_run_and_is_told_of(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "nix.fleet.progress")
    (project.root / "sleep.yml").write_text(PLAYBOOK)
    process = project.start("sleep.yml")
    worker = worker_of(process.pid)
    # Long enough to have been seen.
    time.sleep(1)
    os.kill(worker, signal.SIGKILL)
    began = time.monotonic()
    run = ended(process)
    assert run.rc == -signal.SIGTERM
    assert "the process that worked for vps-sg-1 was ended by signal 9 (SIGKILL)" in " ".join(run.output.split())
    assert time.monotonic() - began < 40
