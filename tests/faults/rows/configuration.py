# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong is the new configuration itself."""

from __future__ import annotations

import dataclasses
import typing as t

from ..faults import GUARD_KILLED_TOO, LOCKED_OUT, SUPERVISOR_KILLED, on_target
from ..moments import ACTIVATION, AT_REST, AWAITING
from ..row import CHANGED, ROLLED_BACK, Expectation, Fault, Row

if t.TYPE_CHECKING:
    pass


def says(expectation: Expectation, *words: str) -> Expectation:
    """Return an expectation of which the output must say something."""
    return dataclasses.replace(expectation, says=words)


def script(text: str) -> str:
    """Return a module with one activation script."""
    return f"{{ system.activationScripts.wrong = ''{text}''; }}"


def sshd(text: str) -> str:
    """Return a module that gives sshd other settings; every activation has sshd take up what it finds."""
    return f"{{ environment.etc.\"ssh/sshd_config\" = {{ mode = \"0644\"; text = ''{text}''; }}; }}"


FAILING = Fault("activation script fails", module=script("echo this is what is wrong; false"))
HANGING = Fault("activation hangs", module=script("sleep 1000"), variables={"deploy_activation_timeout": 3})
SCRIPT_KILLED = Fault("activation killed", on_target("pkill -KILL -f '[s]witch-to-configuration'"))
STOPPED = Fault("deployment stopped by an operator there", on_target("systemctl stop 'nix-fleet-*'"))
FAILING_UNIT = (
    '{ systemd.services.bad = { wantedBy = [ "multi-user.target" ]; serviceConfig.ExecStart = "/bin/false"; }; }'
)
UNIT = Fault("unit fails (exit code 4)", module=FAILING_UNIT)
UNIT_NOT_WANTED = Fault(
    "unit fails (exit code 4), and is not to", module=FAILING_UNIT, variables={"deploy_failed_units": "rollback"}
)
REBOOT = Fault(
    "reboot wanted (exit code 100)",
    module="({ pkgs, ... }: { systemd.package = pkgs.systemd // { interfaceVersion = 3; }; })",
)
NO_EVALUATION = Fault("configuration does not evaluate", module='{ environment.etc."x".text = throw "not like this"; }')
NO_BUILD = Fault(
    "configuration does not build",
    module='({ pkgs, ... }: { environment.etc."x".source = pkgs.runCommand "unbuildable" { } "echo no such luck; exit 3"; })',
)
SSHD_BROKEN = Fault("sshd does not start any more", module=sshd("Nonsense yes\n"))
OTHER_PORT = Fault("sshd listens on another port", module=sshd("HostKey /etc/ssh/ssh_host_ed25519_key\nPort 2222\n"))
OTHER_ADDRESS = Fault(
    "address changed",
    module=sshd("HostKey /etc/ssh/ssh_host_ed25519_key\nListenAddress 127.0.0.9\nUsePAM no\n"),
)
NO_LOGIN = Fault("login refused", module=sshd("HostKey /etc/ssh/ssh_host_ed25519_key\nAllowUsers nobody\nUsePAM no\n"))
NO_USER = Fault("login taken away", module=script("sed -i '/^root:/s|[^:]*$|/nowhere|' /etc/passwd"))
MOUNT = "[Unit]\\nBefore=local-fs.target\\n[Mount]\\nWhat=none\\nWhere=/missing\\nType=ext4\\n"
NOT_MOUNTED = Fault(
    "file system cannot be mounted",
    module=f"""{{ environment.etc."systemd/system/missing.mount".text = "{MOUNT}";
      environment.etc."systemd/system/local-fs.target.requires/missing.mount".text = "{MOUNT}"; }}""",
)
SESSIONS_ENDED = Fault(
    "every session ended", module=script("pkill -9 -f sshd-session; sleep 1; systemctl restart ssh || :")
)


ROWS = (
    Row(NO_EVALUATION, AT_REST, says(Expectation("old", "failed", (2,)), "not like this")),
    Row(NO_BUILD, AT_REST, says(Expectation("old", "failed", (2,)), "no such luck")),
    Row(FAILING, AT_REST, says(ROLLED_BACK, "this is what is wrong"), representative=True),
    Row(HANGING, AT_REST, says(ROLLED_BACK, "had not ended after 3 s"), representative=True),
    Row(SCRIPT_KILLED, ACTIVATION, ROLLED_BACK),
    Row(SUPERVISOR_KILLED, ACTIVATION, ROLLED_BACK),
    Row(SUPERVISOR_KILLED, AWAITING, ROLLED_BACK),
    Row(GUARD_KILLED_TOO, ACTIVATION, ROLLED_BACK, representative=True),
    Row(GUARD_KILLED_TOO, AWAITING, ROLLED_BACK),
    Row(STOPPED, ACTIVATION, ROLLED_BACK),
    Row(STOPPED, AWAITING, ROLLED_BACK),
    Row(UNIT, AT_REST, Expectation("new", "failed", (2,), "confirmed", ("bad.service",), "bad.service")),
    Row(UNIT_NOT_WANTED, AT_REST, says(ROLLED_BACK, "bad.service")),
    Row(REBOOT, AT_REST, Expectation("new after a reboot", "changed", (0,), "confirmed")),
    Row(SSHD_BROKEN, AT_REST, says(ROLLED_BACK, "nobody confirmed"), representative=True),
    Row(NOT_MOUNTED, AT_REST, says(ROLLED_BACK, "missing.mount"), representative=True),
    Row(OTHER_PORT, AT_REST, says(ROLLED_BACK, "nobody confirmed")),
    Row(OTHER_ADDRESS, AT_REST, says(ROLLED_BACK, "nobody confirmed")),
    Row(NO_LOGIN, AT_REST, says(ROLLED_BACK, "nobody confirmed")),
    Row(NO_USER, AT_REST, says(ROLLED_BACK, "nobody confirmed")),
    Row(LOCKED_OUT, AWAITING, says(ROLLED_BACK, "nobody confirmed")),
    Row(SESSIONS_ENDED, AT_REST, CHANGED),
)
