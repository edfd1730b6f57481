# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same on machines that are no NixOS servers, each of which builds for itself; and what only they can suffer."""

from __future__ import annotations

import dataclasses

from ..faults import CUT_FOR_A_WHILE, CUT_UNTIL_BACK, KILLED, POWER_CYCLED, on_target
from ..moments import ACTIVATION_GATE, AT_REST, AWAITING, activation_with
from ..row import CHANGED, ROLLED_BACK, Expectation, Fault, Row
from .controller import GONE_BACK

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
NO_DAEMON = Fault(
    "Nix daemon stopped",
    mend=on_target("systemctl start nix-daemon.socket"),
    prepare=on_target("systemctl stop nix-daemon.socket nix-daemon.service"),
)


def rows(host: str) -> tuple[Row, ...]:
    """Return what every platform must stand."""
    activation = activation_with(STEPS[host] % ACTIVATION_GATE)
    failing = Fault("activation script fails", module=STEPS[host] % "echo this is what is wrong; exit 3")
    return (
        Row(failing, AT_REST, dataclasses.replace(ROLLED_BACK, says=("this is what is wrong",)), host=host),
        Row(CUT_FOR_A_WHILE, activation, CHANGED, host=host),
        Row(KILLED, activation, GONE_BACK, host=host, representative=host == "phone"),
        Row(CUT_UNTIL_BACK, AWAITING, ROLLED_BACK, host=host),
    )


ROWS = (
    *rows("workstation"),
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
    Row(NO_DAEMON, AT_REST, Expectation("old", "failed", (2,)), host="workstation"),
)
