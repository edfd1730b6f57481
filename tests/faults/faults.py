# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, and how it is brought about and made good again."""

from __future__ import annotations

import time
import typing as t

from .project import CONFIRM_TIMEOUT
from .row import Fault, one_after_another

if t.TYPE_CHECKING:
    from .scene import Scene

LOST = "the connection was lost"


def on_line(*order: str) -> t.Callable[[Scene], None]:
    """Give the machine's line, or the machine, an order of the rehearsal fleet's."""
    return lambda scene: _told(scene, *order)


def _told(scene: Scene, command: str, *arguments: str) -> None:
    if command in ("delay", "throttle"):
        scene.lab(command, scene.machine.name, *arguments)
    else:
        scene.lab(command, *arguments, scene.machine.name)


def on_target(script: str) -> t.Callable[[Scene], None]:
    """Run a script as root on the machine, behind the back of ssh and Ansible."""

    def act(scene: Scene) -> None:
        scene.machine.says(script)

    return act


def until_said(text: str) -> t.Callable[[Scene], None]:
    """Wait until the run has said something."""
    return lambda scene: scene.run.wait_for(text)


HEAL = on_line("heal")
THAW = on_line("thaw")


def until_back(scene: Scene) -> None:
    """Wait until the machine has given up waiting for a confirmation and runs its old system again."""
    scene.wait_until(lambda: not scene.machine.deploying(), "an end of the machine's patience", 90)


def until_booted(scene: Scene) -> None:
    """Wait until the machine has been booted again, and runs some system; what was in memory is gone."""
    scene.wait_until(lambda: not scene.machine.lock() and scene.machine.exists("/run/current-system"), "a new boot", 60)


CUT = Fault("link cut", on_line("cut"), HEAL)
# It takes its time until such a thing is noticed, and the machine is to wait for longer.
PATIENT = {"deploy_confirm_timeout": 40}
CUT_FOR_A_WHILE = Fault("link cut for a while", on_line("cut"), HEAL, meanwhile=until_said(LOST), variables=PATIENT)
RESET = Fault("link reset", on_line("cut", "--reset"), HEAL)
RESET_FOR_A_WHILE = Fault(
    "link reset for a while", on_line("cut", "--reset"), HEAL, meanwhile=until_said(LOST), variables=PATIENT
)
FROZEN = Fault("machine frozen", on_line("freeze"), THAW)
CUT_UNTIL_BACK = Fault("link cut until the machine has gone back", on_line("cut"), HEAL, meanwhile=until_back)
FROZEN_FOR_A_WHILE = Fault(
    "machine frozen for a while", on_line("freeze"), THAW, meanwhile=until_said(LOST), variables=PATIENT
)
# While it stands still, a machine does not count the time.
FROZEN_PAST_ITS_TIME = Fault(
    "machine frozen for longer than it waits",
    on_line("freeze"),
    THAW,
    meanwhile=lambda _scene: time.sleep(17),
    variables={"deploy_confirm_timeout": 15},
)
NEW_REFUSED_FOR_A_WHILE = Fault(
    "new connections fail for a while",
    mend=HEAL,
    meanwhile=until_said("cannot be reached anew"),
    keeps_out=True,
    variables={"deploy_confirm_timeout": 30},
)
LATE = Fault("confirmation comes too late", mend=HEAL, meanwhile=until_back, keeps_out=True)
DELAYED = Fault("link delayed by 300 ms", on_line("delay", "300ms"), HEAL)
KILLED = Fault("controller killed", lambda scene: scene.run.kill(), kills_run=True)
MAIN_KILLED = Fault("ansible-playbook killed", lambda scene: scene.run.kill_main(), kills_run=True)
INTERRUPTED = Fault("ctrl-C", lambda scene: scene.run.interrupt())
POWER_CYCLED = Fault("machine power-cycled", on_line("power-cycle", "--no-wait"))
# Nothing waits for a machine that lets nobody in when it is first logged in to, or right before its activation.
POWER_CYCLED_BEFORE_LOGIN = Fault("machine power-cycled, and back", on_line("power-cycle"))
# Which keeps the kernel, and /run. The rehearsal fleet mounts /tmp when a host starts, and only then.
SOFT_REBOOTED = Fault(
    "machine soft-rebooted", on_target("systemctl soft-reboot --no-block"), clean=on_line("power-cycle")
)
FULL_DISK = Fault("disk full", on_line("fill-disk"), on_line("free-disk"), variables=PATIENT)
# The rehearsal fleet's line stands in for the firewall, and not the configuration, whose end would take it away: what stands
# is let stand, and nobody new is let in until the machine has gone back.
LOCKED_OUT = Fault(
    "new connections refused, as by a firewall",
    mend=HEAL,
    meanwhile=until_back,
    keeps_out=True,
    variables={"deploy_confirm_timeout": CONFIRM_TIMEOUT},
)
SUPERVISOR_KILLED = Fault("supervisor killed", on_target("kill -9 $(readlink /run/nix.fleet/lock | sed -n s/^pid=//p)"))
GUARD_KILLED_TOO = Fault(
    "supervisor killed, and its guard", on_target("systemctl kill --signal KILL --kill-whom all 'nix-fleet-*'")
)
# What every activation does, and what it does when systemd itself has changed: the unit that starts the supervisor again is then
# what systemd has kept of it.
REREAD = on_target("systemctl daemon-reexec; systemctl daemon-reload")
KILLED_AFTER_RELOAD = Fault(
    "supervisor killed, and its guard, after systemd was reloaded",
    one_after_another(REREAD, GUARD_KILLED_TOO.strike),
)
FULL_ESP = Fault("ESP full", on_line("fill-disk", "--boot"), on_line("free-disk", "--boot"), variables=PATIENT)
# As the kernel leaves a FAT file system that it finds broken.
READ_ONLY_ESP = Fault("ESP read-only", on_target("mount -o remount,ro /boot"), on_target("mount -o remount,rw /boot"))
STATE = "/var/lib/nix.fleet"
# What lies below it was written by nobody who could see it, and is removed by the next deployment that ends there.
STATE_AS_IT_WAS = on_target(f"while mountpoint -q {STATE}; do umount -l {STATE}; done; rm -rf {STATE}/runs/*")
# As a new /var does, or an impermanence module's bind mount.
STATE_MOVED = Fault(
    "something mounted over the state directory",
    module="{ system.activationScripts.moved = ''mountpoint -q %s || mount -t tmpfs tmpfs %s''; }" % (STATE, STATE),  # noqa: UP031
    clean=STATE_AS_IT_WAS,
)
_STATE_OF_ITS_OWN = on_target(f"mount -t tmpfs -o mode=0700,nr_inodes=60 tmpfs {STATE}")
NO_INODE = Fault(
    "no free inode in the state directory",
    on_target(f"number=0; while true >{STATE}/filler-$number; do number=$((number + 1)); done 2>/dev/null"),
    on_target(f"rm -f {STATE}/filler-*"),
    prepare=_STATE_OF_ITS_OWN,
    clean=STATE_AS_IT_WAS,
)
NO_ROOM = Fault(
    "no room in the state directory",
    on_target(f"cat /dev/zero >{STATE}/filler 2>/dev/null || :"),
    on_target(f"rm -f {STATE}/filler"),
    prepare=on_target(f"mount -t tmpfs -o mode=0700,size=1m tmpfs {STATE}"),
    clean=STATE_AS_IT_WAS,
)
READ_ONLY = Fault(
    "state directory read-only",
    on_target(f"mount -o remount,ro {STATE}"),
    on_target(f"mount -o remount,rw {STATE}"),
    prepare=_STATE_OF_ITS_OWN,
    # So that the next deployment, without the fault, has something to do.
    module='{ environment.etc."read-only".text = "now"; }',
    variables=PATIENT,
    clean=STATE_AS_IT_WAS,
)


def lose_what_was_not_flushed(scene: Scene) -> None:
    """Cut the power: the boot loader, on a file system of its own, is new; the profile and our files are as they were before."""
    old = scene.old.default
    scene.machine.says(
        f"""
        cd /nix/var/nix/profiles
        new=$(readlink system)
        for link in system-*-link; do
            [ "$link" = "$new" ] || [ "$(readlink "$link")" != {old} ] || ln -sfn "$link" system
        done
        rm "$new" {STATE}/runs/*/default-touched
        """
    )
    scene.lab("power-cycle", "--no-wait", scene.machine.name)


POWER_CUT_UNFLUSHED = Fault("power cut before everything is on the disk", lose_what_was_not_flushed)
# All that a deployment may take altogether, a minute and a half.
SUPERVISOR_STOPPED = Fault(
    "supervisor stopped for longer than all waits",
    on_target("kill -STOP $(readlink /run/nix.fleet/lock | sed -n s/^pid=//p)"),
    on_target("kill -CONT $(readlink /run/nix.fleet/lock | sed -n s/^pid=//p)"),
    meanwhile=lambda scene: scene.run.wait_for("does not answer", 200),
    variables={"deploy_activation_timeout": 5, "deploy_confirm_timeout": 15, "deploy_lock_timeout": 1},
)
