# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""NixOS's own lock, its checks, its exit codes, and its boot loader."""

from __future__ import annotations

import time
import typing as t

from ..faults import FULL_ESP, LOCKED_OUT, PATIENT, on_target
from ..moments import AT_REST, AWAITING, BEFORE_ACTIVATION, CONFIRMATION
from ..row import CHANGED, REFUSED, ROLLED_BACK, Fault, Row, one_after_another, pair
from .configuration import FAILING, FAILING_UNIT, says

if t.TYPE_CHECKING:
    from ..scene import Scene

HOLD = on_target(
    "systemd-run --quiet --unit=holder flock /run/nixos/switch-to-configuration.lock sleep 1000; sleep 0.3"
)
RELEASE = on_target("! systemctl is-active --quiet holder || systemctl stop holder")


def until_wanted(scene: Scene) -> None:
    """Wait until the machine does not await its confirmation any more, and needs the lock."""
    scene.wait_until(lambda: scene.machine.lock().get("phase") == "working", "an end of the waiting", 60)
    time.sleep(4)


HELD = Fault("NixOS's own lock held by somebody else", mend=RELEASE, prepare=HOLD, variables={"deploy_lock_timeout": 3})
HELD_FOR_A_WHILE = Fault(
    "NixOS's own lock held for a while",
    HOLD,
    RELEASE,
    # The process that waits is the first of two until it has it.
    meanwhile=lambda _scene: time.sleep(6),
)
HELD_WHEN_WANTED = Fault(
    "NixOS's own lock held for a while",
    HOLD,
    RELEASE,
    meanwhile=one_after_another(until_wanted, RELEASE),
    variables=PATIENT,
)


CHECKED = "{ system.preSwitchChecks.network = ''! test -e /tmp/faults-no-network''; }"


def stand_on_what_cannot_be_checked(scene: Scene) -> None:
    """Have the machine run a system whose own check fails by the time it is gone back to."""
    scene.stand_on(CHECKED)
    scene.machine.says("touch /tmp/faults-no-network")


OLD_CHECK_FAILS = Fault(
    "the old system's check fails",
    prepare=stand_on_what_cannot_be_checked,
    clean=on_target("rm -f /tmp/faults-no-network"),
)
NEW_CHECK_FAILS = Fault(
    "pre-switch check fails", module="{ system.preSwitchChecks.wrong = ''echo this is what is wrong; false''; }"
)
INHIBITED = Fault("switch inhibitor", module='{ services.dbus.implementation = "dbus"; }')
HIDDEN = Fault(
    "unit fails (exit code 4), and so does the activation script",
    module=f"{{ imports = [ ({FAILING_UNIT}) ({FAILING.module}) ]; }}",
)
NO_SWITCH = Fault("no switch-to-configuration", module="{ system.switch.enable = false; }")
LIMITED = "{ boot.loader.systemd-boot.configurationLimit = 1; }"


def go_back_instead(scene: Scene) -> None:
    """Stand on the second of two systems of which the boot loader has an entry for one, and go back."""
    scene.stand_on(LIMITED)
    scene.stand_on(LIMITED)
    scene.project.write_playbook(roles=["nix.fleet.rollback"])


BEYOND_LIMIT = Fault(
    "rollback to what the boot loader has no entry for",
    mend=lambda scene: scene.project.write_playbook(),
    prepare=go_back_instead,
)


def esp_with_room_for_an_entry(scene: Scene) -> None:
    """Leave the ESP one page: what is written after the new system's entry stays empty, and in the way."""
    scene.lab("fill-disk", "--boot", scene.machine.name)
    scene.machine.says("truncate -s -4096 /boot/lab-fill-disk")


FULL_BUT_FOR_AN_ENTRY = Fault("ESP full but for an entry", esp_with_room_for_an_entry, FULL_ESP.mend, variables=PATIENT)
CANNOT_BOOT = says(ROLLED_BACK, "could not be made to boot")
ROWS = (
    Row(HELD, AT_REST, says(REFUSED, "is held by process", "flock")),
    Row(HELD_FOR_A_WHILE, BEFORE_ACTIVATION, CHANGED),
    Row(HELD_WHEN_WANTED, AWAITING, CHANGED, representative=True),
    Row(pair(HELD_WHEN_WANTED, LOCKED_OUT), AWAITING, ROLLED_BACK, representative=True),
    Row(pair(OLD_CHECK_FAILS, LOCKED_OUT), AWAITING, ROLLED_BACK),
    Row(NEW_CHECK_FAILS, AT_REST, says(REFUSED, "this is what is wrong", "deploy_no_check")),
    Row(INHIBITED, AT_REST, says(REFUSED, "dbus-implementation", "deploy_goal=boot")),
    Row(HIDDEN, AT_REST, says(ROLLED_BACK, "snippet wrong failed")),
    Row(NO_SWITCH, AT_REST, says(REFUSED, "system.switch.enable")),
    Row(BEYOND_LIMIT, AT_REST, says(ROLLED_BACK, "configurationLimit")),
    Row(FULL_ESP, AWAITING, CANNOT_BOOT, representative=True),
    Row(FULL_ESP, CONFIRMATION, CANNOT_BOOT),
    Row(FULL_BUT_FOR_AN_ENTRY, AWAITING, CANNOT_BOOT),
)
