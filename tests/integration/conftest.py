# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rehearsal fleets for tests: a copy of the lab in another place shares nothing with this clone's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .fleet.lab import leave_home

# What these tests read of a run is what Ansible itself prints, whatever the project's own settings choose.
os.environ["ANSIBLE_STDOUT_CALLBACK"] = "ansible.builtin.default"
# A lab that goes as a whole keeps its bytecode: a command of it then takes half the time.
os.environ["PYTHONDONTWRITEBYTECODE"] = ""

LAB = Path(__file__).resolve().parents[1] / "lab"
# What continuous integration has time for, and `make test` has not: most has a scenario of Molecule or tests of its parts.
WIDE = (
    "activation/test_darwin.py",
    "activation/test_other_platforms.py",
    "bootstrap",
    "cache",
    "channels",
    "copy/test_memory.py",
    "evaluation/test_memory.py",
    "fleet/test_awx.py",
    "fleet/test_cancelled.py",
    "fleet/test_ci.py",
    "fleet/test_controller_without_nix.py",
    "fleet/test_full_controller.py",
    "fleet/test_rollback.py",
    "fleet/test_status.py",
    "fleet/test_terminal.py",
    "gc",
    "inventory/test_import.py",
    "inventory/test_terraform.py",
    "keys/test_hosts.py",
    "molecule",
    # What deploys without a secret to be seen does so by sudo with a password and without one.
    "privilege",
    "reboot",
    "rollout",
    "runtime_data",
    "updates",
)


@dataclass(frozen=True)
class Lab:
    """The lab's command line in a throw-away clone."""

    root: Path

    def try_to(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [str(self.root / "tests/lab/lab"), *arguments]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=600)

    def __call__(self, *arguments: str, text: str | None = None) -> str:
        done = self.try_to(*arguments, text=text)
        assert done.returncode == 0, f"lab {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def bring_up(self, *hosts: str) -> None:
        """Have hosts up, all when none is named; skip the test on a machine that cannot carry them."""
        done = self.try_to("up", *hosts)
        if done.returncode == 3:
            pytest.skip(done.stderr.strip())
        assert done.returncode == 0, done.stdout + done.stderr

    def ssh(self, host: str, command: str, *options: str, text: str = "") -> subprocess.CompletedProcess[str]:
        arguments = ["ssh", "-F", str(self.root / ".lab/ssh_config"), *options, host, command]
        return subprocess.run(arguments, input=text, capture_output=True, text=True, check=False, timeout=120)

    def status(self, host: str) -> dict[str, Any]:
        rows: list[dict[str, Any]] = json.loads(self("status", "--json"))
        return next(row for row in rows if row["name"] == host)


# First, since pytest-xdist looks for the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let files run side by side, and the tests of one file after another (`pytest -n 3 --dist loadgroup`)."""
    here = Path(__file__).parent
    for item in items:
        item.add_marker(pytest.mark.xdist_group(str(item.path)))
        if any(item.path.is_relative_to(here / place) for place in WIDE):
            item.add_marker(pytest.mark.wide)
    # So that no long file is begun when the others are about to end.
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: -tests[item.path])


def pytest_sessionfinish() -> None:
    """Leave nothing behind of a worker's own fleet."""
    leave_home()


@pytest.fixture(scope="session")
def new_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Lab]]:
    """Makes a lab with no fleet in it; takes whatever is up there down at the end."""
    made: list[Lab] = []

    def make(name: str) -> Lab:
        lab = Lab(tmp_path_factory.mktemp(name))
        shutil.copytree(LAB, lab.root / "tests/lab")
        made.append(lab)
        return lab

    yield make
    for lab in made:
        lab("down")


@pytest.fixture(scope="session")
def lab(new_lab: Callable[[str], Lab]) -> Lab:
    """A lab with the whole named fleet up."""
    lab = new_lab("fleet")
    lab.bring_up()
    return lab
