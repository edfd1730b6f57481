# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet leaves nothing behind, says what it needs, and has no Python for a deployment to lean on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import Lab
from ..fleet.lab import HOSTS

pytestmark = pytest.mark.usefixtures("lab")
NewLab = Callable[[str], Lab]


def processes_of(root: Path) -> list[str]:
    """The processes on this machine that have to do with a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = [
                str((process / "cwd").readlink()),
                (process / "cmdline").read_text(),
                (process / "mounts").read_text(),
            ]
        except OSError:
            continue
        if any(str(root) in text for text in where) and int(process.name) != os.getpid():
            found.append(process.name)
    return found


def fleets_in_cgroups() -> set[str]:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    hierarchy = next(Path(fields[1]) for fields in mounts if fields[2] == "cgroup2")
    return {path.name for path in hierarchy.glob("nix-fleet-lab-*")}


def test_down_leaves_nothing(new_lab: NewLab) -> None:
    mounts, fleets = Path("/proc/self/mounts").read_text(), fleets_in_cgroups()
    lab = new_lab("leaves-nothing")
    (lab.root / ".venv/bin").mkdir(parents=True)
    lab("up", "vps-sg-1", "macbook", "phone")
    lab("freeze", "phone")
    lab("cut", "vps-sg-1")
    assert processes_of(lab.root)
    assert len(fleets_in_cgroups() - fleets) == 1
    lab("down")
    assert Path("/proc/self/mounts").read_text() == mounts
    assert fleets_in_cgroups() == fleets
    assert processes_of(lab.root) == []
    left = {str(path.relative_to(lab.root)) for path in lab.root.rglob("*")}
    assert {path for path in left if not path.startswith("tests")} <= {".venv", ".venv/bin", "inventory"}


@pytest.mark.parametrize("host", HOSTS)
def test_there_is_no_python(lab: Lab, host: str) -> None:
    assert lab("exec", host, "--", "sh", "-c", "ls /usr/bin /usr/local/bin | grep -c python || true").strip() == "0"
