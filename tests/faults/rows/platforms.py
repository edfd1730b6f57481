# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same on machines that are no NixOS servers, each of which builds for itself; and what only they can suffer."""

from __future__ import annotations

import dataclasses
import typing as t

from ..faults import CUT_FOR_A_WHILE, CUT_UNTIL_BACK, KILLED, POWER_CYCLED, on_target
from ..moments import ACTIVATION_GATE, AT_REST, AWAITING, activation_with
from ..row import CHANGED, ROLLED_BACK, Expectation, Fault, Row, pair
from .controller import GONE_BACK

if t.TYPE_CHECKING:
    from ..scene import Scene

# Where a platform's activation can be made to do something more.
STEPS = {
    "workstation": "({ lib, ... }: { home.activation.step = lib.hm.dag.entryAfter [ \"linkGeneration\" ] ''%s''; })",
    "macbook": "{ system.activationScripts.postActivation.text = ''%s''; }",
    "phone": "{ build.activationAfter.zzz = ''%s''; }",
}

NO_SUDO = Fault(
    "sudo refuses the login",
    module='{ environment.etc."sudoers.d/zz" = { mode = "0440"; text = "deploy ALL=(ALL:ALL) !ALL\\n"; }; }',
)
WRONG_PASSWORD = Fault("wrong password for sudo", variables={"ansible_become_password": "guessed"})
# Files that the home before had not, one of them in the place of the user's own.
MORE_FILES = Fault(
    "with further files",
    module='{ home.file.added.text = "x"; home.file.".notes".text = "managed"; }',
    prepare=on_target("echo mine > /home/alice/.notes && chown alice /home/alice/.notes"),
    variables={"deploy_backup_extension": "bak"},
    clean=on_target("rm -f /home/alice/.notes"),
)
# Its services are started before the step that fails.
SERVICE_STARTED = Fault(
    "activation fails after it has started a service",
    module="{ launchd.daemons.ticking = { script = ''exec sleep 45678''; serviceConfig.RunAtLoad = true; }; "
    "system.activationScripts.postActivation.text = ''exit 3''; }",
)
NO_DAEMON = Fault(
    "Nix daemon stopped",
    mend=on_target("systemctl start nix-daemon.socket"),
    prepare=on_target("systemctl stop nix-daemon.socket nix-daemon.service"),
)


def failing_on(host: str) -> Fault:
    """Return an activation that fails in its own last steps."""
    return Fault("activation script fails", module=STEPS[host] % "echo this is what is wrong; exit 3")


def no_service_of_it(scene: Scene) -> None:
    """Look for the service of the system that failed."""
    left = scene.machine.says("launchctl list org.nixos.ticking; ls /Library/LaunchDaemons | grep ticking || :")
    if left:
        scene.wrong.append(f"a service of the failed system is left: {left}")


def rows(host: str) -> tuple[Row, ...]:
    """Return what every platform must stand."""
    activation = activation_with(STEPS[host] % ACTIVATION_GATE)
    return (
        Row(failing_on(host), AT_REST, dataclasses.replace(ROLLED_BACK, says=("this is what is wrong",)), host=host),
        Row(CUT_FOR_A_WHILE, activation, CHANGED, host=host),
        Row(KILLED, activation, GONE_BACK, host=host, representative=host == "phone"),
        Row(CUT_UNTIL_BACK, AWAITING, ROLLED_BACK, host=host),
    )


def has_its_own_files_back(scene: Scene) -> None:
    """Raise unless the home has no file of the failed one, and the user's own is where it was."""
    assert scene.machine.says("cd /home/alice && cat .notes && ls -d added .notes.bak 2>/dev/null || :") == "mine"


ROWS = (
    *rows("workstation"),
    Row(
        pair(failing_on("workstation"), MORE_FILES),
        AT_REST,
        ROLLED_BACK,
        host="workstation",
        extra=has_its_own_files_back,
        representative=True,
    ),
    Row(
        pair(POWER_CYCLED, MORE_FILES),
        activation_with(STEPS["workstation"] % ACTIVATION_GATE),
        ROLLED_BACK,
        host="workstation",
        extra=has_its_own_files_back,
    ),
    *rows("macbook"),
    *rows("phone"),
    Row(
        NO_SUDO,
        AT_REST,
        dataclasses.replace(ROLLED_BACK, says=("nobody confirmed",)),
        host="vps-de-1",
        representative=True,
    ),
    Row(WRONG_PASSWORD, AT_REST, Expectation("old", "failed", (2,), says=("Incorrect sudo password",)), host="macbook"),
    # Booting them activates nothing.
    Row(POWER_CYCLED, activation_with(STEPS["workstation"] % ACTIVATION_GATE), ROLLED_BACK, host="workstation"),
    Row(POWER_CYCLED, activation_with(STEPS["phone"] % ACTIVATION_GATE), ROLLED_BACK, host="phone"),
    # Booting a Mac activates its profile, which is the new one until somebody has gone back.
    Row(POWER_CYCLED, activation_with(STEPS["macbook"] % ACTIVATION_GATE), ROLLED_BACK, host="macbook"),
    Row(POWER_CYCLED, AWAITING, ROLLED_BACK, host="macbook", representative=True),
    Row(SERVICE_STARTED, AT_REST, ROLLED_BACK, host="macbook", extra=no_service_of_it),
    Row(NO_DAEMON, AT_REST, Expectation("old", "failed", (2,)), host="workstation"),
)
