# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy streams: neither end has memory for what is copied.

The limit is the kernel's on what a process may write to in memory (RLIMIT_DATA), which the host's disk, itself in memory
here, does not count towards. A process that would take more is refused it, and fails.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.tests.bench.memory import PeakMemory
from ansible_collections.nix.fleet.tests.bench.processes import beside

from .conftest import Fleet

MEBIBYTE = 1 << 20
SIZE = 500 * MEBIBYTE
# Of each process, of which a copy has a handful on either side.
HOST = 32 * MEBIBYTE
CONTROLLER = 128 * MEBIBYTE
# Of all processes of a host together: its idle ones, and those of a copy.
TOGETHER = 128 * MEBIBYTE
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


def first_process(fleet: Fleet, host: str) -> int:
    """Return the host's first process, by its number on this machine."""
    state: dict[str, int] = json.loads((fleet.lab.root / ".lab/hosts" / host / "state.json").read_text())
    return state["init"]


def watched(fleet: Fleet, host: str) -> PeakMemory:
    """Return what tells how much memory the host's processes had at most, without what is on its disk."""
    first = first_process(fleet, host)
    return PeakMemory(lambda: beside(first))


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
    with watched(fleet, BUILDER) as builder, watched(fleet, TARGET) as target:
        there = fleet.copy(BUILDER, controller)[BUILDER]
        onward = fleet.copy(TARGET, controller, source_host=BUILDER)[TARGET]
    assert max(builder.bytes, target.bytes) < TOGETHER
    assert min(there["copied_bytes"], onward["copied_bytes"]) > SIZE
    assert fleet.has(TARGET, controller)


# A Nix daemon that announces that its version is 1.5 GiB long (Nix's `WORKER_MAGIC_2`, version 1.37 of the protocol), and sends it.
ANNOUNCING = """#!{python}
import os, socket, struct
path = os.environ["NIX_DAEMON_SOCKET_PATH"]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chmod(path, 0o666)
listener.listen()
while True:
    client, _address = listener.accept()
    with open({tally!r}, "a") as tally:
        tally.write("served\\n")
    client.recv(8)
    client.sendall(struct.pack("<QQ", 0x6478696F, 0x125))
    client.recv(8)
    try:
        client.sendall(struct.pack("<Q", 3 << 29))
        while True:
            client.sendall(bytes(1 << 16))
    except OSError:
        pass
"""


def test_a_target_that_announces_more_than_a_copy_may_take_is_given_up_at_once(fleet: Fleet, tmp_path: Path) -> None:
    path = fleet.closure(1)
    tally = tmp_path / "tally"
    programs = {
        "nix-daemon": ANNOUNCING.format(python=sys.executable, tally=str(tally)),
        "nix-store": f"#!/bin/sh\necho {path}\n",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all: {hosts: {liar: {ansible_connection: local}}}")
    copying = fleet.start("liar", path, "-i", str(inventory), environment=environment, retries=3)
    result = copying.result()
    assert (result["host"], result["stage"]) == ("liar", "copy"), copying.output
    assert "out of memory" in result["cause"]
    assert result["advice"]
    assert "nix-command flakes' copy" in result["command"]
    assert tally.read_text().count("served") == 1
