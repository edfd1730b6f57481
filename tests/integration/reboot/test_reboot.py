# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine reboots when that is required or asked for, and the task tells the truth about how it came back."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

import pytest

from ..activation.conftest import PLATFORMS, Result, Target, Task, vps
from ..conftest import Lab

__all__ = ["vps"]

BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


@pytest.fixture(scope="session")
def fleet(new_lab: Callable[[str], Lab]) -> Lab:
    """A rehearsal fleet of one host."""
    lab = new_lab("reboot")
    lab.bring_up("vps-sg-1")
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


ETC = '{ environment.etc.different.text = "%s"; }'
# What a reboot's request must not leave behind.
LEFTOVERS = "ls -d /run/nix.fleet/lock /var/lib/nix.fleet/runs/reboot-* 2>/dev/null || :"


@pytest.fixture(scope="module")
def plain(vps: Target) -> str:
    """The system that the machine has before each test."""
    return vps.system()


@pytest.fixture(autouse=True)
def _before(vps: Target, plain: str) -> None:
    vps.lab("heal", vps.name)
    vps.root("rm -rf /var/lib/nix.fleet/runs/reboot-*")
    answer = vps.activate(plain)
    assert answer["outcome"] in ("activated", "unchanged", "confirmed"), answer
    if vps.root(f"test {plain} = $(readlink /run/booted-system)").rc:
        vps.lab("reboot", vps.name)
    assert vps.whole == plain


def test_no_deployment_begins_in_a_machine_that_is_about_to_go_down(vps: Target, plain: str) -> None:
    late = vps.system(ETC % "too late")
    # Longer than the other task takes to start.
    task = start(vps, when="always", delay=20)
    vps.wait_until("ls /var/lib/nix.fleet/runs/reboot-*/decision")
    answer = vps.activate(late, lock_timeout=0)
    assert (answer["outcome"], answer["changed"], answer["code"]) == ("refused", False, "activation.locked"), answer
    assert task.result()["running"] == plain


def test_a_reboot_by_somebody_else_in_the_meantime_counts_once(vps: Target) -> None:
    task = start(vps, when="always", delay=20, timeout=40)
    vps.wait_until("ls /var/lib/nix.fleet/runs/reboot-*/decision")
    boots = vps.lab.status(vps.name)["boots"]
    vps.lab("reboot", vps.name)
    answer = task.result()
    assert (answer["rebooted"], answer["boot_id"]["after"]) == (True, boot_id(vps))
    assert vps.lab.status(vps.name)["boots"] == boots + 1
    assert vps.says(LEFTOVERS) == ""


def test_units_that_fail_in_the_new_boot_are_told(vps: Target) -> None:
    bad = 'systemd.services.bad = { wantedBy = [ "multi-user.target" ]; serviceConfig.ExecStart = "/bin/false"; };'
    vps.activate(vps.system(f"{{ {bad} }}"), goal="boot")
    answer = reboot(vps)
    assert (answer["failed"], answer["rebooted"], answer["units_failed"]) == (False, True, ["bad.service"])
