# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's disk: a size-limited tmpfs that an overlay over the shared root file system writes to; and its ESP, a small one.

They are mounted in the mount namespace of the host's supervisor, outside the host, so that they survive the host's
reboots and disappear with the supervisor, whatever happens to either.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .boot_loader import BOOT
from .errors import LabError
from .hosts import MEBIBYTE
from .kernel import MS_NODEV, MS_NOSUID, mount

ESP_BYTES = 32 * MEBIBYTE
_DISK_FILLING = "var/tmp/lab-fill-disk"
_ESP_FILLING = "lab-fill-disk"


@dataclass(frozen=True)
class Usage:
    """How full a disk is, in bytes."""

    used: int
    size: int


def mount_disk(root_file_system: Path, state: Path, size: int) -> Path:
    """Mount an empty disk and return the host's root directory."""
    disk, root = state / "disk", state / "root"
    for directory in (disk, root):
        directory.mkdir(exist_ok=True)
    mount("lab-disk", disk, "tmpfs", MS_NOSUID | MS_NODEV, f"size={size},mode=0755")
    upper, work = disk / "upper", disk / "work"
    upper.mkdir(mode=0o755)
    work.mkdir(mode=0o755)
    for directory in (root_file_system, upper, work):
        if set(",:\\") & set(str(directory)):
            raise LabError(f"{directory}: overlay mounts do not take a comma, colon or backslash in a path")
    mount("lab-overlay", root, "overlay", 0, f"lowerdir={root_file_system},upperdir={upper},workdir={work}")
    return root


def mount_esp(root: Path) -> None:
    """Mount an empty ESP where the host's boot loader has its files."""
    (root / BOOT).mkdir(exist_ok=True)
    mount("lab-esp", root / BOOT, "tmpfs", MS_NOSUID | MS_NODEV, f"size={ESP_BYTES},mode=0755")


def disk_filling(root: Path) -> Path:
    """Return the file that takes the space of a host's disk."""
    return root / _DISK_FILLING


def esp_filling(root: Path) -> Path:
    """Return the file that takes the space of a host's ESP."""
    # Not os.path.ismount, which would look at this machine's root, by the name of what /proc leads to.
    if not (root / BOOT).exists() or os.stat(root / BOOT).st_dev == os.stat(f"{root}/.").st_dev:
        raise LabError("has no ESP; only NixOS hosts have one")
    return root / BOOT / _ESP_FILLING


def usage(root: Path) -> Usage:
    facts = os.statvfs(root)
    return Usage(used=(facts.f_blocks - facts.f_bfree) * facts.f_frsize, size=facts.f_blocks * facts.f_frsize)


def fill(filling: Path, leave: int = 0) -> Usage:
    """Leave that many bytes free on the file system that `filling` is on."""
    directory = filling.parent
    with filling.open("ab") as file:
        length = os.fstat(file.fileno()).st_size
        too_much = leave - _free_bytes(directory)
        if too_much > 0:
            file.truncate(max(0, length - too_much))
            return usage(directory)
        step = 64 * MEBIBYTE
        while step >= os.statvfs(directory).f_frsize:
            wanted = min(step, _free_bytes(directory) - leave)
            if wanted <= 0:
                break
            try:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, wanted)
            except OSError:
                step //= 2
    return usage(directory)


def _free_bytes(directory: Path) -> int:
    facts = os.statvfs(directory)
    return facts.f_bavail * facts.f_frsize


def free(filling: Path) -> Usage:
    """Remove what `fill` wrote."""
    filling.unlink(missing_ok=True)
    return usage(filling.parent)
