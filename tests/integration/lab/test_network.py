# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts reach each other where they are said to, and the controller's way out is one for all of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ..conftest import Lab
from .conftest import seconds

ONE, OTHER = "vps-sg-1", "phone"
GREETING = "exec 3<>/dev/tcp/192.0.2.50/8022; head -c 4 <&3"


@pytest.fixture(autouse=True)
def _as_before(lab: Lab) -> Iterator[None]:
    yield
    lab("uplink", "none")
    lab("network", "--off", ONE, OTHER)


def test_hosts_reach_each_other_once_they_are_on_a_network(lab: Lab) -> None:
    assert lab.try_to("exec", ONE, "bash", "-c", GREETING).returncode != 0
    lab("network", ONE, OTHER)
    assert lab("exec", ONE, "bash", "-c", GREETING) == "SSH-"
    lab("network", "--off", OTHER)
    assert lab.try_to("exec", ONE, "timeout", "3", "bash", "-c", GREETING).returncode != 0


def test_a_network_carries_what_it_is_said_to_carry(lab: Lab) -> None:
    lab("network", ONE, OTHER, "--rate", "2MB")
    listening = threading.Thread(target=lab, args=("exec", OTHER, "busybox", "sh", "-c", "nc -l -p 9 | cat >/dev/null"))
    listening.start()
    send = "until exec 3>/dev/tcp/192.0.2.50/9; do sleep 0.1; done 2>/dev/null; head -c 6000000 /dev/zero >&3"
    took = seconds(lambda: lab("exec", ONE, "bash", "-c", send))
    listening.join()
    assert 2.0 < took < 6.0


def test_all_hosts_share_the_uplink(lab: Lab) -> None:
    lab("uplink", "2MB")

    def send(host: str) -> None:
        lab.ssh(host, "cat > /dev/null", text="x" * 3_000_000)

    other = threading.Thread(target=send, args=(OTHER,))
    other.start()

    def both() -> None:
        send(ONE)
        other.join()

    assert 2.4 < seconds(both) < 5.0
