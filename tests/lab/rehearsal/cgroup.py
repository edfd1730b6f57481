# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups: every process of a fleet lives in one, so that nothing can outlive the fleet.

Only the version 2 hierarchy is used and no controller: freezing and killing need none. Machines that mount
version 1 controllers beside it ("hybrid") work as well as those with version 2 alone.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from .errors import CannotRun, LabError


def hierarchy() -> Path:
    """Where the version 2 hierarchy is mounted."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _source, target, kind, _rest = line.split(" ", 3)
        if kind == "cgroup2" and os.access(target, os.W_OK):
            return Path(target)
    raise CannotRun("no writable cgroup2 hierarchy is mounted here; use a machine or virtual machine where one is")


FLEET_PREFIX = "nix-fleet-lab-"


def running_fleets() -> list[str]:
    """The names of all clones' fleets on this machine."""
    return sorted(path.name for path in hierarchy().glob(f"{FLEET_PREFIX}*"))


@dataclass(frozen=True)
class Cgroup:
    """One control group, existing or not."""

    path: Path

    def __truediv__(self, name: str) -> Cgroup:
        return Cgroup(self.path / name)

    def create(self) -> Cgroup:
        self.path.mkdir(parents=True, exist_ok=True)
        return self

    def exists(self) -> bool:
        return self.path.is_dir()

    def join(self) -> None:
        """Move the calling process into this group."""
        (self.path / "cgroup.procs").write_text("0")

    def event(self, key: str) -> bool:
        """One of the kernel's facts about the group: `populated`, `frozen`."""
        try:
            facts = (self.path / "cgroup.events").read_text().split()
        except OSError:
            return False
        return dict(zip(facts[::2], facts[1::2], strict=False)).get(key) == "1"

    def freeze(self, frozen: bool, patience: float = 10.0) -> None:
        (self.path / "cgroup.freeze").write_text("1" if frozen else "0")
        deadline = time.monotonic() + patience
        while self.event("frozen") != frozen:
            if time.monotonic() > deadline:
                raise LabError(f"{self.path.name}: the kernel did not finish {'freezing' if frozen else 'thawing'}")
            time.sleep(0.01)

    def remove(self, patience: float = 20.0) -> None:
        """Kill whatever is in this group and below it, and remove it."""
        deadline = time.monotonic() + patience
        while self.exists():
            self._kill()
            for directory, _subdirectories, _files in os.walk(self.path, topdown=False):
                try:
                    os.rmdir(directory)
                except OSError:
                    continue
            if not self.exists():
                return
            if time.monotonic() > deadline:
                raise LabError(f"{self.path}: still has processes after {patience:.0f} s of killing them")
            time.sleep(0.02)

    def _kill(self) -> None:
        try:
            (self.path / "cgroup.kill").write_text("1")
        except FileNotFoundError:
            # Before Linux 5.14: one by one; whatever forks meanwhile is met in the next round.
            for processes in self.path.rglob("cgroup.procs"):
                for pid in processes.read_text().split():
                    try:
                        os.kill(int(pid), signal.SIGKILL)
                    except ProcessLookupError:
                        continue
        except OSError:
            return
