# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rebooting a host, politely or not."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from . import links
from .enter import entering
from .errors import LabError
from .fleet import Fleet
from .hosts import Host
from .state import RUNNING


def reboot(fleet: Fleet, host: Host, wait: bool) -> None:
    """Ask the host's own `reboot`, as somebody logged in would."""
    boots = fleet.running_state(host).boots
    command = entering(fleet, host, ["/usr/sbin/reboot"])
    asked = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    # A `reboot` that is fast enough ends itself before it can say so.
    if asked.returncode > 0 and fleet.running_state(host).boots == boots:
        raise LabError(f"{host.name}: reboot failed: {asked.stderr.strip() or asked.returncode}")
    if wait:
        wait_for_boot(fleet, host, boots)


def power_cycle(fleet: Fleet, host: Host, wait: bool) -> None:
    """Take the power away and give it back: PID 1 is killed, and who was connected hears nothing."""
    state = fleet.running_state(host)
    links.order(fleet.clone.control_socket, "lose-connections", host=host.name)
    # A frozen host can be switched off like any other.
    fleet.host_cgroup(host).freeze(False)
    if state.init:
        os.kill(state.init, signal.SIGKILL)
    if wait:
        wait_for_boot(fleet, host, state.boots)


def wait_for_boot(fleet: Fleet, host: Host, boots: int, patience: float = 60.0) -> None:
    """Wait until the host has booted once more than it had, and its sshd answers."""
    deadline = time.monotonic() + patience
    while True:
        state = fleet.state(host)
        if state and state.status == RUNNING and state.boots > boots:
            break
        if time.monotonic() > deadline:
            raise LabError(
                f"{host.name}: did not boot again within {patience:.0f} s; see its console.log in .lab/hosts"
            )
        time.sleep(0.02)
    fleet.wait_until_reachable(host)
