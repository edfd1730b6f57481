# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts serve each other what they have in common; who cannot be served so has it from the source."""

from __future__ import annotations

import os
import signal
import subprocess
import typing as t
from collections.abc import Iterator

import pytest

from .conftest import Copying, Fleet, Result, within

PORT = 26940
# Every way to log in and to get at a store.
HOSTS = "vps-sg-1:vps-sg-2:vps-de-1:macbook:phone"
NAMES = HOSTS.split(":")


@pytest.fixture(autouse=True)
def _network(fleet: Fleet) -> Iterator[None]:
    fleet.lab("network", "*")
    yield
    fleet.lab("heal", "*")
    fleet.lab("uplink", "none")
    fleet.lab("network", "--off", "*")


def sent_by_source(results: dict[str, Result]) -> int:
    """How many bytes of paths the source sent in all."""
    return sum(result["copied_bytes"] - result["served_bytes"] for result in results.values())


def left(fleet: Fleet, host: str) -> str:
    """What is left of serving and of receiving on a host."""
    # The host's own sshd is started without -f.
    script = (
        "for process in /proc/[0-9]*; do tr '\\0' ' ' <$process/cmdline; echo; done 2>/dev/null"
        " | grep -E '^(sshd: )?[^ ]*sshd -D -e -f|^ssh -F |^nix-store --dump' || :; ls -d /var/tmp/nix.fleet.* 2>/dev/null || :"
    )
    return fleet.says(host, script).strip() + fleet.left(host)


def signalled(fleet: Fleet, host: str, signal_name: str, command: str) -> bool:
    """Whether there was a process with such a command line on a host, to which a signal was sent."""
    script = (
        "for process in /proc/[0-9]*; do"
        f" tr '\\0' ' ' <$process/cmdline 2>/dev/null | grep -q '^{command}' &&"
        f" kill -{signal_name} ${{process#/proc/}} && echo done; done; :"
    )
    return "done" in fleet.says(host, script)


def slowly_served(fleet: Fleet, host: str, *, paths: int, **options: t.Any) -> tuple[str, Copying]:
    """Have a host begin to fetch a closure from vps-sg-1 over slow lines; return the path, and the copy that goes on."""
    path = fleet.closure(paths, size=400_000)
    fleet.copy("vps-sg-1", path)
    fleet.lab("network", "*", "--rate", "2mbit")
    return path, fleet.start(f"vps-sg-1:{host}", path, "-f", "1", topology="cascade", **options)


def test_the_source_sends_each_path_about_once(fleet: Fleet) -> None:
    path = fleet.closure(20, size=100_000)
    results = fleet.copy(HOSTS, path, "-f", "5", topology="cascade")
    assert all(fleet.has(host, path) for host in NAMES)
    assert {result["copied_count"] for result in results.values()} == {21}
    assert sent_by_source(results) < 1.5 * results["phone"]["copied_bytes"]
    for host in NAMES:
        assert within(10, lambda host=host: left(fleet, host) == ""), left(fleet, host)  # type: ignore[misc]


def test_content_that_is_not_what_the_source_has_is_refused(fleet: Fleet) -> None:
    path = fleet.closure(3, size=10_000)
    fleet.copy("vps-sg-1", path)
    part = fleet.says("vps-sg-1", f"cat {path}").split()[1]
    fleet.says("vps-sg-1", f"chmod u+w {part}; head -c 10000 /dev/zero >{part}")
    copying = fleet.start("vps-sg-1:vps-sg-2", path, "-f", "1", topology="cascade")
    copying.results()
    assert "hash mismatch" in copying.output
    assert fleet.says("vps-sg-2", f"nix-store --verify-path {path} {part} && echo whole").endswith("whole\n")


@pytest.mark.thorough
def test_what_a_loss_of_power_has_left_is_removed_a_day_later(fleet: Fleet) -> None:
    lost, recent, written = (f"/var/tmp/nix.fleet.{name}" for name in ("powerx", "recent", "writes"))
    fleet.says(
        "vps-sg-1",
        f"mkdir -p {lost} {recent} {written}/cache; touch {recent}/key {written}/cache/archive;"
        f" touch -d '2 days ago' {lost}/key {written}/key {written}/cache; touch -d '2 days ago' {lost} {written}",
    )
    try:
        # The second is the one that fetches.
        fleet.copy("vps-de-1:vps-sg-1", fleet.closure(3), "-f", "1", topology="cascade")
        assert fleet.says("vps-sg-1", "ls -d /var/tmp/nix.fleet.*").split() == [recent, written]
    finally:
        fleet.says("vps-sg-1", f"rm -rf {recent} {written}")


@pytest.mark.thorough
def test_nobody_else_is_served(fleet: Fleet) -> None:
    _path, copying = slowly_served(fleet, "phone", paths=20)
    stranger = (
        "rm -f /tmp/own /tmp/own.pub; ssh-keygen -q -t ed25519 -N '' -f /tmp/own;"
        f" ssh -F /dev/null -i /tmp/own -p {PORT} -o BatchMode=yes -o StrictHostKeyChecking=no"
        " -o UserKnownHostsFile=/dev/null 192.0.2.11 id 2>&1 || :; rm -f /tmp/own /tmp/own.pub"
    )
    # Again and again: before the first batch, and between two, nobody listens there.
    assert within(60, lambda: "Permission denied (publickey)" in fleet.says("vps-sg-2", stranger))
    assert copying.results()["phone"]["served_bytes"] > 0


@pytest.mark.thorough
def test_nobody_is_served_by_a_controller_that_is_gone_however_slowly_they_read(fleet: Fleet) -> None:
    _path, copying = slowly_served(fleet, "vps-sg-2", paths=20, timeout=5)
    # Who reads no more still answers the server's questions whether it is there.
    assert within(60, lambda: signalled(fleet, "vps-sg-2", "STOP", "dd bs="))
    try:
        # Its processes, one a host, would go on and have their own limits.
        listed = subprocess.run(["pgrep", "-P", str(copying.process.pid)], capture_output=True, text=True, check=True)
        for process in (copying.process.pid, *map(int, listed.stdout.split())):
            os.kill(process, signal.SIGKILL)
        copying.process.wait()
        assert within(20, lambda: left(fleet, "vps-sg-1") == ""), left(fleet, "vps-sg-1")
    finally:
        signalled(fleet, "vps-sg-2", "KILL", "dd bs=")
    assert within(90, lambda: left(fleet, "vps-sg-2") == ""), left(fleet, "vps-sg-2")
