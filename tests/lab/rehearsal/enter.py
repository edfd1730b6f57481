# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a command as root inside a host, without its sshd: straight into its namespaces."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NoReturn

from .errors import LabError
from .fleet import Fleet
from .hosts import Host

ENVIRONMENT = {
    "HOME": "/root",
    "USER": "root",
    "PATH": "/run/current-system/sw/bin:/opt/nix/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


def entering(fleet: Fleet, host: Host, command: Sequence[str]) -> list[str]:
    """The command line, on this machine, that runs a command in the host."""
    init = fleet.running_state(host).init
    if fleet.host_cgroup(host).event("frozen"):
        raise LabError(f"{host.name}: is frozen; `lab thaw {host.name}` lets it go on")
    return ["nsenter", f"--target={init}", "--all", "--wdns=/", "--", *command]


def enter(fleet: Fleet, host: Host, command: Sequence[str]) -> NoReturn:
    """Become that command."""
    arguments = entering(fleet, host, command)
    join_host(fleet, host)
    environment = dict(ENVIRONMENT)
    if "TERM" in os.environ:
        environment["TERM"] = os.environ["TERM"]
    try:
        os.execvpe(arguments[0], arguments, environment)
    except OSError as error:
        raise LabError(f"{arguments[0]}: {error.strerror}; it is part of util-linux") from None


def join_host(fleet: Fleet, host: Host) -> None:
    """Have the calling process and its children frozen and killed with the host."""
    (fleet.host_cgroup(host) / "lab-exec").create().join()
