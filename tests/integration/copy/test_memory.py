# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy streams: neither end has memory for what is copied.

The limit is the kernel's on what a process may write to in memory (RLIMIT_DATA), which the host's disk, itself in memory
here, does not count towards. A process that would take more is refused it, and fails.
"""

from __future__ import annotations

import resource
import typing as t

import pytest

from .conftest import Fleet

if t.TYPE_CHECKING:
    from collections.abc import Iterator

MEBIBYTE = 1 << 20
SIZE = 500 * MEBIBYTE
# Of each process, of which a copy has a handful on either side.
HOST = 32 * MEBIBYTE
CONTROLLER = 128 * MEBIBYTE
BUILDER, TARGET = "homelab", "vps-sg-1"


def limit(fleet: Fleet, host: str, most: str) -> None:
    """Limit all processes of the host and those that they start."""
    each = f"for file in /proc/[0-9]*; do prlimit --pid ${{file#/proc/}} --data={most} || :; done"
    fleet.says(host, f"{each} 2>/dev/null")


@pytest.fixture
def _small_hosts(fleet: Fleet) -> Iterator[None]:
    for host in (BUILDER, TARGET):
        limit(fleet, host, f"{HOST}:unlimited")
    yield
    for host in (BUILDER, TARGET):
        limit(fleet, host, "unlimited:unlimited")


@pytest.fixture
def controller(fleet: Fleet) -> Iterator[str]:
    """A closure of one large path, on a controller that from then on has little memory."""
    path = fleet.closure(1, size=SIZE)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (CONTROLLER, hard))
    yield path
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def takes(fleet: Fleet, host: str, size: int) -> bool:
    """Whether a process that a login starts can have so much memory."""
    return fleet.lab.ssh(host, f"dd if=/dev/zero of=/dev/null bs={size} count=1").returncode == 0


@pytest.mark.thorough
@pytest.mark.usefixtures("_small_hosts")
def test_a_path_that_no_machine_has_memory_for_goes_to_a_builder_and_on_to_a_target(
    fleet: Fleet, controller: str
) -> None:
    for host in (BUILDER, TARGET):
        assert takes(fleet, host, HOST // 2)
        assert not takes(fleet, host, HOST)
    there = fleet.copy(BUILDER, controller)[BUILDER]
    onward = fleet.copy(TARGET, controller, source_host=BUILDER)[TARGET]
    assert min(there["copied_bytes"], onward["copied_bytes"]) > SIZE
    assert fleet.has(TARGET, controller)
