# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network among hosts, at the addresses that the inventory has of them: without it they cannot reach each other.

It is a bridge in a network namespace of its own, held by one process of the fleet, and nothing of it is on this machine's
own network. What passes there does not pass the lines to the hosts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence

from .errors import LabError
from .fleet import Fleet
from .hosts import Host
from .kernel import CLONE_NEWNET, unshare
from .run import run
from .supervisor import start_in_background

_INTERFACE = "peers"
# The documentation networks that hosts have their addresses in.
_NETWORKS = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
_SWITCH_SECONDS = 10.0


def join(fleet: Fleet, hosts: Sequence[Host], rate: float | None) -> None:
    """Have hosts reach each other; each sends and receives at most ``rate`` bytes a second."""
    switch = _switch(fleet)
    for host in hosts:
        init = _init(fleet, host)
        _leave(init)
        port = f"port{host.number}"
        _ip(switch, "link", "add", port, "type", "veth", "peer", "name", _INTERFACE, "netns", str(init))
        _ip(switch, "link", "set", port, "master", "switch", "up")
        _ip(init, "link", "set", _INTERFACE, "up")
        for network in _NETWORKS:
            _ip(init, "route", "replace", network, "dev", _INTERFACE, "src", host.address)
        if rate is not None:
            _limit(init, _INTERFACE, rate)
            _limit(switch, port, rate)


def leave(fleet: Fleet, hosts: Sequence[Host]) -> None:
    """Take hosts off the network, as if it were unplugged there: who talks to them hears nothing more."""
    for host in hosts:
        _leave(_init(fleet, host))


def _init(fleet: Fleet, host: Host) -> int:
    init = fleet.running_state(host).init
    if init is None:
        raise LabError(f"{host.name}: does not run")
    return init


def _leave(init: int) -> None:
    subprocess.run(_in_network(init, "ip", "link", "del", _INTERFACE), capture_output=True, check=False)


def _limit(process: int, interface: str, rate: float) -> None:
    # Of packets that wait for a tenth of a second the rest is dropped, as a router does.
    shape = ("tbf", "rate", f"{int(rate * 8)}bit", "burst", str(max(4096, int(rate / 50))), "latency", "100ms")
    run(_in_network(process, "tc", "qdisc", "add", "dev", interface, "root", *shape))


def _switch(fleet: Fleet) -> int:
    """Return the process that holds the network, started when it is not there."""
    note = fleet.clone.state / "switch"
    group = fleet.cgroup / "switch"
    if note.exists() and group.exists() and group.event("populated"):
        return int(note.read_text())
    group.remove()
    note.unlink(missing_ok=True)

    def hold() -> None:
        unshare(CLONE_NEWNET)
        run(["ip", "link", "add", "switch", "type", "bridge"])
        run(["ip", "link", "set", "switch", "up"])
        unfinished = note.with_suffix(".unfinished")
        unfinished.write_text(str(os.getpid()))
        unfinished.replace(note)
        signal.pause()

    start_in_background(hold, "lab-switch", fleet.clone.state / "switch.log", group.create())
    deadline = time.monotonic() + _SWITCH_SECONDS
    while not note.exists():
        if time.monotonic() > deadline:
            raise LabError(f"no network among hosts can be made; see {fleet.clone.state / 'switch.log'}")
        time.sleep(0.02)
    return int(note.read_text())


def _ip(process: int, *arguments: str) -> None:
    run(_in_network(process, "ip", *arguments))


def _in_network(process: int, *command: str) -> list[str]:
    return ["nsenter", f"--net=/proc/{process}/ns/net", *command]
