# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, and how it is brought about and made good again."""

from __future__ import annotations

import time
import typing as t

from .row import Fault

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
    scene.wait_until(lambda: scene.verdict() == "expired", "an end of the machine's patience", 90)
    scene.wait_until_settled()


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
FULL_DISK = Fault("disk full", on_line("fill-disk"), on_line("free-disk"))
