# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory evaluations may take, and how many processes that is enough for."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from pathlib import Path

# What a process needs for the evaluation of a usual NixOS configuration and a few more that share its nixpkgs.
MEMORY_OF_ONE = 1 << 30
# Every process evaluates anew what the hosts have in common: for fewer hosts it does not pay.
HOSTS_OF_ONE = 8
# Builds, copies and Ansible itself need some of it too.
SHARE_OF_AVAILABLE = 0.5
# Two versions of control groups, their files of the limit and of what is used, and how much of that could be freed.
CONTROL_GROUPS = {
    "": ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    "memory": ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}

# What the garbage collector of Nix keeps beside the heap, and Nix beside both, by measurement.
OUTSIDE_HEAP = 64 << 20
HEAP_SHARE = 0.85
SMALLEST_HEAP = 32 << 20
# With less, a process could not be held to it.
LEAST_MEMORY = OUTSIDE_HEAP + math.ceil(SMALLEST_HEAP / HEAP_SHARE)
# Of an evaluation that has the memory, a third of the time goes into collecting garbage before there is need to.
UNCOLLECTED_SHARE = 0.75
MOST_UNCOLLECTED = 2 << 30


@dataclasses.dataclass(frozen=True)
class Budget:
    """The bytes that all evaluators together may take, or None for no limit, and the CPUs that there are for them."""

    memory: int | None
    cpus: int = 1

    def processes(self, hosts: int) -> int:
        """Return how many processes evaluate ``hosts``."""
        room = self.cpus if self.memory is None else self.memory // MEMORY_OF_ONE
        return max(1, min(self.cpus, room, hosts // HOSTS_OF_ONE))

    def share(self, processes: int) -> int | None:
        """Return the bytes that each of ``processes`` may take."""
        return None if self.memory is None else self.memory // processes


def heap_limit(memory: int) -> dict[str, str]:
    """Return the environment in which Nix, once it would need more than ``memory`` bytes, ends with an error.

    The limit is that of its garbage collector, which frees what it can before: nothing has to watch the process, on
    whichever machine it runs. Most of what it may take it takes before it begins to look for garbage.
    """
    heap = max(SMALLEST_HEAP, int((memory - OUTSIDE_HEAP) * HEAP_SHARE))
    uncollected = min(MOST_UNCOLLECTED, int(heap * UNCOLLECTED_SHARE))
    return {"GC_MAXIMUM_HEAP_SIZE": str(heap), "GC_INITIAL_HEAP_SIZE": str(uncollected)}


UNLIMITED = Budget(memory=None)


def budget_here(memory: int | None = None) -> Budget:
    """Return the budget of this machine: ``memory``, or half of what is available."""
    if memory is None:
        available = available_memory()
        memory = None if available is None else int(available * SHARE_OF_AVAILABLE)
    return Budget(memory, _cpus())


def _cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        # Not Linux.
        return os.cpu_count() or 1


def available_memory(root: Path = Path("/")) -> int | None:
    """Return how many more bytes processes here may take without harm: those of the machine, or of a control group.

    None where the kernel does not say.
    """
    rooms = [*_of_machine(root), *_of_control_groups(root)]
    return max(0, min(rooms)) if rooms else None


def _of_machine(root: Path) -> list[int]:
    found = re.search(r"^MemAvailable: *(\d+) kB$", _text(root / "proc/meminfo"), re.MULTILINE)
    return [int(found[1]) * 1024] if found else []


def _of_control_groups(root: Path) -> list[int]:
    rooms = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _number, controllers, path = line.split(":", 2)
        version = "memory" if "memory" in controllers.split(",") else controllers
        if version not in CONTROL_GROUPS:
            continue
        mount, *files = CONTROL_GROUPS[version]
        top = root / mount
        group = top / path.lstrip("/")
        # A limit of any group above counts. In a container, the path may be one of the machine's, and not be there.
        for directory in [group, *group.parents] if group.is_dir() else [top]:
            rooms += _of_control_group(directory, *files)
            if directory == top:
                break
    return rooms


def _of_control_group(directory: Path, limit: str, used: str, inactive: str) -> list[int]:
    try:
        most, now = int(_text(directory / limit)), int(_text(directory / used))
    except ValueError:
        # No limit, or none that is told here.
        return []
    freeable = re.search(rf"^{inactive} (\d+)$", _text(directory / "memory.stat"), re.MULTILINE)
    return [most - now + (int(freeable[1]) if freeable else 0)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
