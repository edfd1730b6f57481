# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this machine can carry a rehearsal fleet; said before anything is begun."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from .cgroup import hierarchy
from .errors import CannotRun
from .kernel import CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS, unshare

_NAMESPACES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWCGROUP


def _load(module: str) -> bool:
    try:
        return subprocess.run(["modprobe", "-q", module], check=False).returncode == 0
    except OSError:
        return False


def require_root() -> None:
    if os.uname().sysname != "Linux":
        raise CannotRun("the rehearsal fleet needs Linux; run it in a Linux virtual machine, as root")
    if os.geteuid() != 0:
        raise CannotRun("the rehearsal fleet needs root; run it with sudo, or in a virtual machine where you are root")


def require_machine() -> None:
    """Raise CannotRun, with how to get on, unless everything a host is made of can be had."""
    require_root()
    # Loads the module where overlay is one.
    if "\toverlay" not in Path("/proc/filesystems").read_text() and not _load("overlay"):
        raise CannotRun(
            "this kernel has no overlay file system; run the fleet in a virtual machine with a stock kernel"
        )
    child = os.fork()
    if child == 0:
        try:
            unshare(_NAMESPACES)
            os._exit(0)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    if os.waitpid(child, 0)[1] != 0:
        raise CannotRun(
            "no namespaces can be made here (a container without privileges?); "
            "use a virtual machine, or a container with --privileged"
        )
    hierarchy()
