# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that must differ between two fleets on one machine, derived from the path of what each is for."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from .cgroup import FLEET_PREFIX

_COLLECTION = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Clone:
    """A directory with a fleet of its own and the names it may use on this machine.

    A checkout of the project by default. For any other directory ``collection`` is where the example fleet comes from.
    """

    root: Path
    collection: Path | None = None

    @property
    def identity(self) -> str:
        """Eight hexadecimal digits that stay the same as long as the clone stays where it is."""
        return hashlib.sha256(os.fsencode(self.root)).hexdigest()[:8]

    @property
    def cgroup_name(self) -> str:
        return f"{FLEET_PREFIX}{self.identity}"

    def loopback_address(self, number: int) -> str:
        """The address on this machine behind which host `number` of this clone listens."""
        if not 1 <= number <= 254:
            raise ValueError(f"host number {number} is outside 1..254")
        digits = int(self.identity, 16)
        # 127.0.x.x and 127.1.x.x are where other software likes to listen.
        second = 2 + digits % 253
        third = (digits // 253) % 256
        return f"127.{second}.{third}.{number}"

    @property
    def state(self) -> Path:
        return self.root / ".lab"

    @property
    def bin(self) -> Path:
        return self.state / "bin"

    @property
    def ssh_config(self) -> Path:
        return self.state / "ssh_config"

    @property
    def control_paths(self) -> Path:
        """Where Ansible keeps its ssh sessions: apart, since the hosts of two clones have the same names."""
        # Not below the clone: a socket's path may have 107 characters.
        return Path.home() / ".ansible" / "cp" / self.identity

    @property
    def control_socket(self) -> Path:
        return self.state / "links.sock"

    @property
    def standins(self) -> Path:
        return (self.collection or self.root) / "tests" / "lab" / "standins"

    @property
    def project(self) -> Path:
        """The flake and the inventory that lead to the hosts: a checkout's own, and elsewhere a copy beside the state."""
        return self.state / "fleet" if self.collection else self.root

    def host_state(self, name: str) -> Path:
        return self.state / "hosts" / name


def this_clone() -> Clone:
    """The clone that this file belongs to."""
    return Clone(_COLLECTION)


def clone_in(directory: Path) -> Clone:
    """The fleet of a directory: the clone itself, or somebody else's project."""
    root = directory.resolve()
    return this_clone() if root == _COLLECTION else Clone(root, _COLLECTION)


def cache_directory() -> Path:
    """Where root file systems are kept between fleets and between clones."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME") or "/root", ".cache")
    return Path(base) / "nix-fleet-lab"
