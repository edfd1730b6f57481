# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines that faults befall, looked at from outside: neither ssh nor a process of theirs is needed for that."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import typing as t
from pathlib import Path

from ..lab.rehearsal import disk, links
from ..lab.rehearsal.boot_loader import system_to_start
from ..lab.rehearsal.clone import Clone
from ..lab.rehearsal.enter import ENVIRONMENT, entering, join_host
from ..lab.rehearsal.fleet import Fleet
from ..lab.rehearsal.hosts import Host, host_named

if t.TYPE_CHECKING:
    from ..integration.conftest import Lab

SYSTEM = "/nix/var/nix/profiles/system"
# Where the lock is of those who have such a place, in memory.
LIVE = "/run/nix.fleet"


@dataclasses.dataclass(frozen=True)
class Kind:
    """Where a platform keeps what a deployment changes."""

    profile: str
    # What runs, in the words of a shell.
    running: str
    # The file by which every deployment of this suite can be told from any other, and the module that makes it.
    mark: str
    module: str
    state: str = "/var/lib/nix.fleet"


# sshd takes up its settings whenever they have changed, as NixOS has it do, and however often it has failed before.
_SSHD = (
    "system.activationScripts.sshd = { deps = [ \"etc\" ]; text = ''cmp -s /etc/ssh/sshd_config /run/sshd_config || "
    "{ cp /etc/ssh/sshd_config /run/; systemctl reset-failed ssh || :; systemctl restart ssh || :; }''; };"
)
NIXOS = Kind(
    SYSTEM,
    "readlink -f /run/current-system",
    "/etc/deployed",
    f'environment.etc."deployed".text = "%s"; {_SSHD}',
)
DARWIN = Kind(SYSTEM, "readlink -f /run/current-system", "/etc/deployed", 'environment.etc."deployed".text = "%s";')
HOME = Kind(
    "/home/alice/.local/state/nix/profiles/home-manager",
    "readlink -f /home/alice/.local/state/home-manager/gcroots/current-home",
    "/home/alice/.deployed",
    'home.file.".deployed".text = "%s";',
    state="/home/alice/.local/state/nix.fleet",
)
DROID = Kind(
    "/nix/var/nix/profiles/nix-on-droid",
    "readlink -f /nix/var/nix/profiles/nix-on-droid",
    "/etc/deployed",
    'environment.etc."deployed".text = "%s";',
    state="/data/data/com.termux.nix/files/home/.local/state/nix.fleet",
)
KINDS = {"workstation": HOME, "macbook": DARWIN, "phone": DROID}


@dataclasses.dataclass(frozen=True)
class CurrentState:
    """What a machine runs, has as its profile's generation, and boots."""

    running: str
    default: str
    boots: str
    mark: str
    broken: str

    @property
    def whole(self) -> bool:
        """Whether it is one system, all of which is there."""
        return self.running == self.default == self.boots and bool(self.running) and not self.broken

    def __str__(self) -> str:
        if self.whole:
            return f"whole: {self.running}"
        return f"runs {self.running}, profile {self.default}, boots {self.boots}, broken: {self.broken or 'nothing'}"


@dataclasses.dataclass(frozen=True)
class Machine:
    """A host of the rehearsal fleet.

    What each row asks for is done here as the lab's commands do it: a Python of its own for each took a third of a row's processor time.
    """

    lab: Lab
    name: str

    @property
    def fleet(self) -> Fleet:
        """The host's fleet."""
        return Fleet(Clone(self.lab.root))

    @property
    def host(self) -> Host:
        """The host as its fleet knows it."""
        return host_named(self.name)

    @property
    def kind(self) -> Kind:
        """What the host stands in for."""
        return KINDS.get(self.name, NIXOS)

    @property
    def root(self) -> Path:
        """The host's file system as this machine sees it, even while the host is frozen."""
        state = json.loads((self.lab.root / ".lab/hosts" / self.name / "state.json").read_text())
        return Path(f"/proc/{state['init']}/root")

    def path(self, path: str) -> Path:
        """Return where a path of the host's is."""
        return self.root / path.lstrip("/")

    def exists(self, path: str) -> bool:
        """Whether there is such a file, or a link of that name."""
        return os.path.lexists(self.path(path))

    def says(self, script: str) -> str:
        """Return what a script prints that root runs there, behind the back of ssh and Ansible."""
        fleet, host = self.fleet, self.host
        done = subprocess.run(
            entering(fleet, host, ["/bin/sh", "-c", f"PATH=$PATH:/opt/nix/bin\n{script}"]),
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            preexec_fn=lambda: join_host(fleet, host),
        )
        assert done.returncode == 0, f"{self.name}: {script}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def asks_nix(self, script: str) -> str:
        """Return what a script prints that is run by the one who owns the store: root's questions change the phone's."""
        if self.kind is DROID:
            return self.lab.ssh(self.name, f". ~/.profile\n{script}", "-o", "ControlMaster=no").stdout
        return self.says(script)

    def make_good(self) -> None:
        """Have a whole line, every process going on and room on the disk."""
        links.order(self.fleet.clone.control_socket, "heal", host=self.name)
        self.fleet.host_cgroup(self.host).freeze(False)
        disk.free(disk.disk_filling(self.root))

    def carried(self) -> int:
        """Return how many bytes the line has carried to the host."""
        report = links.order(self.fleet.clone.control_socket, "report")
        return int(report[self.name]["carried"]["to_host"])

    def answers(self) -> bool:
        """Whether a new login gets in."""
        return self.lab.ssh(self.name, "true", "-o", "ConnectTimeout=5", "-o", "ControlMaster=no").returncode == 0

    def current_state(self) -> CurrentState:
        """Look at all that must agree with each other."""
        kind = self.kind
        text = self.asks_nix(
            f"""
            echo "running=$({kind.running})"
            echo "default=$(readlink -f {kind.profile})"
            echo "mark=$(cat {kind.mark} 2>/dev/null)"
            paths=$(nix-store --query --requisites "$({kind.running})" 2>&1)
            for path in $paths; do test -e "$path" || echo "broken=$path"; done
            nix-store --check-validity --print-invalid $paths 2>&1 | sed 's/^/broken=/'
            """
        )
        fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        fields["boots"] = str(system_to_start(self.root) or "") if kind is NIXOS else fields.get("default", "")
        return CurrentState(**{field.name: fields.get(field.name, "") for field in dataclasses.fields(CurrentState)})

    def journal(self) -> list[dict[str, t.Any]]:
        """Return the deployments that the host remembers, the last one last."""
        journal = self.path(f"{self.kind.state}/journal.jsonl")
        return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []

    def lock(self) -> dict[str, str]:
        """Return what the lock says of who holds it; nothing when nobody does, or while the host is off."""
        for directory in (LIVE, self.kind.state):
            with contextlib.suppress(OSError):
                text = str(self.path(f"{directory}/lock").readlink())
                return dict(line.split("=", 1) for line in text.splitlines())
        return {}

    def deploying(self) -> bool:
        """Whether a deployment is at work: in this boot the lock is its, also while nobody lives who holds it.

        A guard, or systemd, takes over what was killed, and goes on where a machine could not be brought back.
        """
        lock = self.lock()
        if not lock:
            return False
        with contextlib.suppress(OSError):
            return self.path("/proc/sys/kernel/random/boot_id").read_text().strip() == lock["boot"]
        return False

    def failed_units(self) -> str:
        """Return the units that have failed, and those of deployments, in one line; nothing where there is no systemd."""
        return self.says(
            """
            [ -d /run/systemd/system ] || exit 0
            { systemctl list-units --plain --no-legend --failed; systemctl list-units --plain --no-legend 'nix-fleet-*'; } |
                cut -d ' ' -f 1 | sort -u | paste -s -d ' ' -
            """
        )
