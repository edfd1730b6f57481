# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that holds a host's disk and power: one per host, for as long as the host exists."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from .boot import boot, new_boot_id
from .cgroup import Cgroup
from .disk import mount_disk, mount_esp
from .furnish import furnish
from .hosts import Host, Kind
from .kernel import CLONE_NEWNS, CLONE_NEWPID, MS_PRIVATE, MS_REC, mount, name_process, setns, unshare
from .keys import HostAccess
from .state import FAILED, OFF, RUNNING, STARTING, HostState, process_started

POWER_BUTTON = signal.SIGUSR1


def start_in_background(work: Callable[[], None], name: str, log: Path, cgroup: Cgroup) -> None:
    """Run `work` in a process of its own that outlives this one and holds nothing of it."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    exit_code = 1
    try:
        cgroup.join()
        os.closerange(3, 4096)
        nothing = os.open(os.devnull, os.O_RDONLY)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for number, descriptor in ((0, nothing), (1, output), (2, output)):
            os.dup2(descriptor, number)
        os.chdir("/")
        name_process(name)
        work()
        exit_code = 0
    except BaseException:  # noqa: BLE001 - the last line of a background process: into its log with it
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(exit_code)


def supervise(host: Host, access: HostAccess, root_file_system: Path, state: Path, cgroup: Cgroup) -> None:
    """Make the host's disk, boot it, and boot it again whenever it reboots or is killed."""
    own = HostState(STARTING, os.getpid(), process_started(os.getpid()))
    own.write(state)
    signal.pthread_sigmask(signal.SIG_BLOCK, {POWER_BUTTON})
    unshare(CLONE_NEWNS)
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    try:
        root = mount_disk(root_file_system, state, host.disk_bytes)
        if host.kind is Kind.NIXOS:
            mount_esp(root)
        furnish(host, access, root)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this host's state
        traceback.print_exc()
        replace(own, status=FAILED, reason=str(error)).write(state)
        # Whoever waits for the host shall find the reason.
        signal.sigwait({POWER_BUTTON})
        return
    boots = 0
    while True:
        boots += 1
        boot_id = new_boot_id()
        started = time.time()
        init = _power_on(host, root, cgroup, boot_id)
        replace(own, status=RUNNING, init=init, boots=boots, boot_id=boot_id, since=started).write(state)
        _pid, status = os.waitpid(init, 0)
        ending = describe_ending(status)
        print(f"lab: {host.name}: boot {boots} ended: {ending}", flush=True)
        # Whatever a host's namespaces do not take along.
        cgroup.remove()
        if not os.WIFSIGNALED(status):
            replace(own, status=FAILED, boots=boots, reason=f"does not boot: {ending}").write(state)
        elif comes_back(status):
            replace(own, boots=boots).write(state)
            continue
        else:
            replace(own, status=OFF, boots=boots, reason=ending).write(state)
        signal.sigwait({POWER_BUTTON})


def comes_back(status: int) -> bool:
    """Whether a host whose PID 1 ended like this starts again: after a reboot or a hard kill, not after a power off."""
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGHUP, signal.SIGKILL)


def describe_ending(status: int) -> str:
    """In words, what the end of PID 1 means. The kernel tells a reboot and a power off apart by signal."""
    if not os.WIFSIGNALED(status):
        return f"init ended with exit code {os.WEXITSTATUS(status)}"
    names = {signal.SIGHUP: "reboot", signal.SIGINT: "power off", signal.SIGKILL: "killed"}
    number = os.WTERMSIG(status)
    return names.get(signal.Signals(number), f"init was ended by signal {number}")


def _power_on(host: Host, root: Path, cgroup: Cgroup, boot_id: str) -> int:
    """Start PID 1 of a new PID namespace and return its number on this machine."""
    cgroup.create()
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    unshare(CLONE_NEWPID)
    init = os.fork()
    if init == 0:
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            boot(host, root, cgroup, boot_id)
        except BaseException:  # noqa: BLE001 - PID 1 has nobody to raise to
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(70)
    # Children of this process are to belong to its own PID namespace again, else no second boot is possible.
    setns(own, CLONE_NEWPID)
    os.close(own)
    return init
