# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in the middle of a copy and is in no row of the table of faults: it is explained, and nothing is left behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Fleet, within

pytestmark = pytest.mark.thorough

# 8 Mbit/s, so that a copy of this size takes a dozen seconds.
RATE = "8mbit"
PATHS = 150
SIZE = 80_000


@pytest.fixture(autouse=True)
def _whole(fleet: Fleet) -> Iterator[None]:
    yield
    fleet.lab("heal", "*")


def arriving(fleet: Fleet, host: str) -> bool:
    """Whether a private daemon serves a client on the host, long enough to have taken paths."""
    begun = within(60, lambda: "private_daemon" in fleet.left(host))
    time.sleep(4)
    return begun


def children(parent: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


# Each line a process by its number and its parent's, of those that serve a copy.
PRIVATE = """
for process in /proc/[0-9]*; do
    case $(tr '\\0' ' ' <"$process/cmdline") in
        'sh '*/private_daemon' '*) echo "shell ${process#/proc/} $(sed 's/.*) . //' "$process/stat")" ;;
        'nix-daemon --option '*) echo "daemon ${process#/proc/} $(sed 's/.*) . //' "$process/stat")" ;;
    esac
done 2>/dev/null
"""


def killed(fleet: Fleet, host: str, victim: str) -> bool:
    """Kill one of the processes that serve a copy: one of the two `shell`s by its place, the `daemon`, or its `client`."""
    lines = [line.split()[:3] for line in fleet.says(host, PRIVATE).splitlines()]
    daemon = next(pid for kind, pid, _parent in lines if kind == "daemon")
    shells = {pid: parent for kind, pid, parent in lines if kind == "shell"}
    # The parent has started the daemon. Besides, there is a child that waits for a question, and one that watches.
    first = next(parent for kind, _pid, parent in lines if kind == "daemon")
    others = sorted((pid for pid in shells if pid != first), key=int)
    client = fleet.says(host, f"cat /proc/{daemon}/task/{daemon}/children").split()
    pids = {"shell": [first], "watching shell": others[-1:], "daemon": [daemon], "client": client}[victim]
    fleet.says(host, f"kill -KILL {' '.join(pids)}")
    return bool(pids)


@pytest.mark.parametrize("victim", ["shell", "watching shell", "daemon"])
@pytest.mark.parametrize("host", ["vps-de-1", "macbook", "phone"])
def test_nothing_serves_a_store_once_a_process_that_serves_it_is_killed(fleet: Fleet, host: str, victim: str) -> None:
    path = fleet.closure(PATHS, SIZE)
    fleet.lab("throttle", host, "2mbit")
    copying = fleet.start(host, path, retries=0)
    assert arriving(fleet, host)
    assert killed(fleet, host, victim)
    assert within(10, lambda: fleet.left(host) == "")
    assert not copying.result()["changed"], copying.output


def test_a_copy_that_makes_no_progress_is_given_up(fleet: Fleet) -> None:
    path = fleet.closure(PATHS, SIZE)
    fleet.lab("throttle", "vps-sg-1", "2mbit")
    copying = fleet.start("vps-sg-1", path, progress_timeout=8)
    assert arriving(fleet, "vps-sg-1")
    fleet.says("vps-sg-1", "kill -STOP $(pgrep -f '^nix-daemon [0-9]')")
    result = copying.result()
    assert (result["host"], result["code"]) == ("vps-sg-1", "copy.no_progress"), copying.output
    assert "trying again" not in copying.output
    assert within(10, lambda: fleet.left("vps-sg-1") == "")


def test_a_slow_line_is_not_taken_for_a_dead_one(fleet: Fleet) -> None:
    fleet.lab("throttle", "phone", "1mbit")
    copying = fleet.start("phone", fleet.closure(20, SIZE), timeout=4)
    assert copying.result()["changed"], copying.output
    assert "trying again" not in copying.output


@pytest.mark.parametrize("source", ["localhost", "homelab"])
def test_a_copy_does_not_outlive_a_run_whose_workers_nobody_has_ended(fleet: Fleet, source: str) -> None:
    path = fleet.closure(2 * PATHS, SIZE)
    if source != "localhost":
        fleet.copy(source, path)
    fleet.lab("throttle", "vps-de-1", RATE)
    copying = fleet.start("vps-de-1", path, source_host=source)
    assert arriving(fleet, "vps-de-1")
    workers = children(copying.process.pid)
    copying.process.kill()
    copying.process.wait()
    assert within(20, lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    assert within(20, lambda: fleet.left("vps-de-1") == "")


def test_an_sshd_that_forwards_no_sockets_is_told_from_a_broken_line(fleet: Fleet) -> None:
    config = "/etc/ssh/sshd_config"
    fleet.says(
        "homelab",
        f"cp {config} /root/kept && {{ echo AllowStreamLocalForwarding no; cat /root/kept; }} >{config}"
        " && systemctl restart ssh",
    )
    try:
        # A control socket of its own: an open session keeps the rules it was opened under.
        result = fleet.copy("homelab", fleet.closure(1), "-e", "ansible_control_path=%(directory)s/strict")["homelab"]
    finally:
        fleet.says("homelab", f"cp /root/kept {config} && systemctl restart ssh")
    assert "cannot be reached through the connection" in result["cause"]
    assert "AllowStreamLocalForwarding" in result["advice"]
