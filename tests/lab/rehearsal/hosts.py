# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts the rehearsal fleet has, and what makes each of them what it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

from .errors import LabError

PLAIN_HOSTS = 50
MEBIBYTE = 1024 * 1024


class Kind(str, Enum):
    """The sort of machine a host stands in for."""

    NIXOS = "nixos"
    HOME_MANAGER = "home-manager"
    DARWIN = "darwin"
    NIX_ON_DROID = "nix-on-droid"
    PLAIN = "plain"


@dataclass(frozen=True)
class User:
    """The account a deployment logs in with, beside root."""

    name: str
    uid: int
    home: str
    shell: str = "/bin/sh"


@dataclass(frozen=True)
class Host:
    """One host of the fleet, before it exists."""

    name: str
    number: int
    kind: Kind
    addresses: tuple[str, ...]
    user: User | None = None
    port: int = 22
    disk_bytes: int = 1024 * MEBIBYTE
    more_ports: tuple[int, ...] = ()

    @property
    def login(self) -> str:
        return self.user.name if self.user else "root"

    @property
    def has_systemd(self) -> bool:
        return self.kind in (Kind.NIXOS, Kind.HOME_MANAGER)

    @property
    def address(self) -> str:
        """The address that the Nix inventory ends up with for this host."""
        return self.addresses[-1]


NAMED_HOSTS: tuple[Host, ...] = (
    Host("homelab", 2, Kind.NIXOS, ("192.0.2.2",), disk_bytes=2048 * MEBIBYTE),
    Host("vps-sg-1", 11, Kind.NIXOS, ("192.0.2.11",), more_ports=(80,)),
    Host("vps-sg-2", 12, Kind.NIXOS, ("192.0.2.12", "198.51.100.12"), more_ports=(80,)),
    Host("vps-de-1", 21, Kind.NIXOS, ("192.0.2.21",), user=User("deploy", 1000, "/home/deploy"), more_ports=(80,)),
    Host("workstation", 30, Kind.HOME_MANAGER, ("192.0.2.30",), user=User("alice", 1000, "/home/alice", "/bin/bash")),
    Host("macbook", 40, Kind.DARWIN, ("192.0.2.40",), user=User("admin", 501, "/Users/admin", "/bin/bash")),
    Host(
        "phone",
        50,
        Kind.NIX_ON_DROID,
        ("192.0.2.50",),
        user=User("nix-on-droid", 10180, "/data/data/com.termux.nix/files/home"),
        port=8022,
    ),
)


def plain_host(number: int) -> Host:
    """A host for benchmarks: sshd, Nix and nothing else."""
    if not 1 <= number <= PLAIN_HOSTS:
        raise LabError(f"plain-{number}: plain hosts are numbered 1 to {PLAIN_HOSTS}")
    return Host(f"plain-{number}", 100 + number, Kind.PLAIN, (f"203.0.113.{number}",), disk_bytes=384 * MEBIBYTE)


def host_named(name: str) -> Host:
    """The host of that name, named or plain."""
    for host in NAMED_HOSTS:
        if host.name == name:
            return host
    plain = re.fullmatch(r"plain-([1-9][0-9]*)", name)
    if plain:
        return plain_host(int(plain[1]))
    known = ", ".join(host.name for host in NAMED_HOSTS)
    raise LabError(f"{name}: no such host; there are {known} and plain-1 to plain-{PLAIN_HOSTS}")


def hosts_matching(patterns: Sequence[str]) -> list[Host]:
    """Hosts by name or shell pattern, in the fleet's order, each once."""
    everything = [*NAMED_HOSTS, *(plain_host(number) for number in range(1, PLAIN_HOSTS + 1))]
    wanted: list[Host] = []
    for pattern in patterns:
        found = [host for host in everything if fnmatchcase(host.name, pattern)]
        wanted += found or [host_named(pattern)]
    return sorted(set(wanted), key=lambda host: host.number)
