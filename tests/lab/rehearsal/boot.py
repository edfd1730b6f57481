# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a firmware, a boot loader and an initrd do for a host: everything between power on and PID 1.

Runs as the first process of the host's PID namespace, still in the lab's program; `boot` ends in the host's own init.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import uuid
from pathlib import Path

from .boot_loader import system_to_start
from .cgroup import Cgroup
from .hosts import MEBIBYTE, Host
from .kernel import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWUTS,
    MNT_DETACH,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    die_with_parent,
    mount,
    pivot_root,
    raise_loopback,
    sethostname,
    unmount,
    unshare,
)

SYSTEM_PROFILE = Path("/nix/var/nix/profiles/system")

_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container": "nix-fleet-lab"}


def boot(host: Host, root: Path, cgroup: Cgroup, boot_id: str) -> None:
    """Become PID 1 of the host; does not return."""
    die_with_parent(signal.SIGKILL)
    # The last process in the parent's view of this group is what the host sees as the top of its own hierarchy.
    cgroup.join()
    unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP)
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    sethostname(host.name)
    raise_loopback(host.addresses)
    _mount_kernel_file_systems(root)
    _enter(root)
    _give_boot_identity(boot_id)
    _stage_2()
    os.closerange(3, 4096)
    os.execve("/sbin/init", ["/sbin/init"], _ENVIRONMENT)


def _mount_kernel_file_systems(root: Path) -> None:
    mount("proc", root / "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    # The kernel's settings belong to the machine, not to a host.
    _read_only(root / "proc/sys")
    if (root / "proc/sysrq-trigger").exists():
        _read_only(root / "proc/sysrq-trigger")
    mount("sysfs", root / "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY)
    mount("cgroup2", root / "sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    mount("tmpfs", root / "run", "tmpfs", MS_NOSUID | MS_NODEV, f"mode=0755,size={64 * MEBIBYTE}")
    mount("tmpfs", root / "tmp", "tmpfs", MS_NOSUID | MS_NODEV, f"mode=1777,size={host_tmp_bytes()}")
    _mount_devices(root / "dev")


def host_tmp_bytes() -> int:
    return 512 * MEBIBYTE


def _read_only(path: Path) -> None:
    mount(path, path, "", MS_BIND)
    mount(path, path, "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)


def _mount_devices(devices: Path) -> None:
    mount("tmpfs", devices, "tmpfs", MS_NOSUID, f"mode=0755,size={4 * MEBIBYTE}")
    for name, (major, minor) in _DEVICES.items():
        os.mknod(devices / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        os.chmod(devices / name, 0o666)
    (devices / "pts").mkdir()
    mount("devpts", devices / "pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5")
    (devices / "shm").mkdir()
    mount("tmpfs", devices / "shm", "tmpfs", MS_NOSUID | MS_NODEV, f"mode=1777,size={256 * MEBIBYTE}")
    links = {"ptmx": "pts/ptmx", "console": "null", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0"}
    links |= {"stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
    for name, target in links.items():
        (devices / name).symlink_to(target)


def _enter(root: Path) -> None:
    os.chdir(root)
    pivot_root(".", ".")
    unmount(".", MNT_DETACH)
    os.chdir("/")
    os.umask(0o022)


def _give_boot_identity(boot_id: str) -> None:
    """Every boot of a host is another one to whoever reads the kernel's boot id."""
    own = Path("/run/boot_id")
    own.write_text(f"{boot_id}\n")
    mount(own, "/proc/sys/kernel/random/boot_id", "", MS_BIND)


def _stage_2() -> None:
    """Start the system that the boot loader's entry names, as far as it is a stand-in's closure."""
    system = system_to_start(Path("/"))
    if system is None:
        return
    if not SYSTEM_PROFILE.is_symlink() or not system.is_dir():
        print(f"boot: the system {system} is not there; starting without a system", flush=True)
        return
    for name in ("booted-system", "current-system"):
        Path("/run", name).symlink_to(system)
    program = system / "bin" / "stage-2"
    if not os.access(program, os.X_OK):
        return
    print(f"boot: {program}", flush=True)
    path = f"{system}/sw/bin:{_ENVIRONMENT['PATH']}"
    environment = {**_ENVIRONMENT, "PATH": path}
    try:
        done = subprocess.run([str(program)], env=environment, stdin=subprocess.DEVNULL, check=False)
        ending = f"ended with exit code {done.returncode}" if done.returncode else ""
    except OSError as error:
        ending = f"cannot be run ({error.strerror})"
    if ending:
        print(f"boot: {program} {ending}; starting all the same", flush=True)


def new_boot_id() -> str:
    return str(uuid.uuid4())
