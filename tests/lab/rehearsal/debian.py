# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages from Debian: the tools that the lab needs on this machine, and directories full of packages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from .errors import CannotRun, LabError
from .run import run

MIRROR = os.environ.get("LAB_DEBIAN_MIRROR", "http://deb.debian.org/debian")

# An archive that has not been refreshed for a week is still good enough to rehearse on.
_APT_OPTIONS = ('Acquire::Check-Valid-Until "false"', 'Acquire::Languages "none"', 'APT::Install-Recommends "false"')


def ensure_program(program: str, package: str) -> None:
    """Have a program on this machine, installing its Debian package when it is missing."""
    if shutil.which(program):
        return
    if not shutil.which("apt-get"):
        raise CannotRun(
            f"`{program}` is missing and there is no apt-get to install it with; install {package} yourself"
        )
    _install(package)


def _install(package: str) -> None:
    apt_get = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300", "-q"]
    install = [*apt_get, "install", "-y", "--no-install-recommends", package]
    try:
        run(install)
    except LabError:
        # The package lists may be missing or old.
        run([*apt_get, "update"])
        run(install)


def populate(directory: Path, suite: str, variant: str, packages: Sequence[str], options: Sequence[str] = ()) -> None:
    """Fill a directory with packages of one Debian suite."""
    ensure_program("mmdebstrap", "mmdebstrap")
    if not any(Path("/usr/share/keyrings").glob("debian-archive-*")):
        _install("debian-archive-keyring")
    apt_options = [f"--aptopt={option}" for option in _APT_OPTIONS]
    run(
        ["nice", "mmdebstrap", "--mode=root", f"--variant={variant}", f"--include={','.join(packages)}"]
        + [*apt_options, *options, suite, str(directory), MIRROR]
    )
