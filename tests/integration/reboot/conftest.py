# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of a rehearsal fleet of their own, to be rebooted by the module as a playbook would."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

import pytest

from ..activation.conftest import PLATFORMS, Result, Target, Task, macbook, vps
from ..conftest import Lab

__all__ = ["macbook", "vps"]

HOSTS = ("vps-sg-1", "macbook")
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="session")
def fleet(new_lab: Callable[[str], Lab]) -> Lab:
    """A rehearsal fleet of one host a platform that reboots."""
    lab = new_lab("reboot")
    lab.bring_up(*HOSTS)
    return lab


def start(target: Target, *flags: str, **options: t.Any) -> Task:
    """Begin a reboot."""
    return target.start("nix_reboot", *flags, platform=PLATFORMS[target.name], **{"timeout": 30, **options})


def reboot(target: Target, *flags: str, **options: t.Any) -> Result:
    """Reboot, and return the task's result."""
    return start(target, *flags, **options).result()


def boot_id(target: Target) -> str:
    """Return which boot a host is in."""
    return target.says(BOOT_ID)
