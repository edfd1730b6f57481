# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian root file system that every host lies over."""

from __future__ import annotations

import shutil
from pathlib import Path

from .cache import cached, recipe_key
from .debian import populate

SUITE = "trixie"
PACKAGES = (
    "busybox",
    "dbus",
    "iproute2",
    "nix-bin",
    "nix-setup-systemd",
    "opendoas",
    "openssh-server",
    "polkitd",
    "procps",
    "sudo",
    "systemd-sysv",
    "zstd",
)
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")

# Units that make no sense without hardware, or that would look for the network.
_MASKED_UNITS = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "fstrim.timer",
    "getty.target",
    "getty@tty1.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sshd-keygen.service",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-logind.service",
    "systemd-modules-load.service",
    "systemd-pstore.service",
    "systemd-remount-fs.service",
    "systemd-sysctl.service",
    "systemd-tmpfiles-clean.timer",
    "systemd-udev-trigger.service",
    "systemd-udevd.service",
    "systemd-update-utmp.service",
    "ssh.socket",
)

# Where Nix itself lives on a host. /usr/bin has links to it where the platform has Nix on everybody's PATH.
NIX_PROGRAMS = "opt/nix/bin"

_RECIPE_VERSION = "5"


def root_file_system(more: tuple[str, ...] = ()) -> Path:
    """The cached root file system, made when it is missing, with packages that not every fleet needs."""
    packages = (*PACKAGES, *more)
    key = recipe_key(_RECIPE_VERSION, SUITE, *packages, *_LEFT_OUT, *_MASKED_UNITS)
    return cached(f"rootfs-{key}", lambda directory, _final: _make(directory, packages))


def _make(directory: Path, packages: tuple[str, ...]) -> None:
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    populate(directory, SUITE, "minbase", packages, excluded)
    _forget_what_is_per_host(directory)
    _move_nix(directory)
    _settle_units(directory)
    (directory / "nix/store").mkdir(mode=0o755)


def _forget_what_is_per_host(directory: Path) -> None:
    for key in (directory / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for name in ("etc/machine-id", "var/lib/dbus/machine-id", "etc/hostname", "etc/resolv.conf"):
        (directory / name).unlink(missing_ok=True)
    for name in ("var/lib/apt/lists", "var/cache/apt"):
        shutil.rmtree(directory / name, ignore_errors=True)


def _move_nix(directory: Path) -> None:
    programs = directory / NIX_PROGRAMS
    programs.mkdir(parents=True)
    for program in sorted((directory / "usr/bin").glob("nix*")):
        program.rename(programs / program.name)
        program.symlink_to(f"/{NIX_PROGRAMS}/{program.name}")


def _settle_units(directory: Path) -> None:
    units = directory / "etc/systemd/system"
    for unit in _MASKED_UNITS:
        for wanted in units.glob(f"*.wants/{unit}"):
            wanted.unlink()
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    # Debian asks for membership of nix-users; everywhere else, every user may talk to the daemon.
    (directory / "etc/tmpfiles.d/nix-daemon.conf").write_text("d /nix/var/nix/daemon-socket 0755 root root\n")
    (directory / "nix/var/nix/daemon-socket").chmod(0o755)
    journal = directory / "etc/systemd/journald.conf.d"
    journal.mkdir(parents=True, exist_ok=True)
    (journal / "lab.conf").write_text("[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\n")
    manager = directory / "etc/systemd/system.conf.d"
    manager.mkdir(parents=True, exist_ok=True)
    (manager / "lab.conf").write_text("[Manager]\nDefaultTimeoutStopSec=10s\nShowStatus=no\n")
