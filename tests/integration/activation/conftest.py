# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of a rehearsal fleet of their own, to be activated by the module as a playbook would, and to be hurt meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import time
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import Lab
from ..standins.conftest import Machine, bring_up_one_of_each

ROOT = Path(__file__).resolve().parents[3]
PLATFORMS = {"vps-sg-1": "nixos", "workstation": "home-manager", "macbook": "darwin", "phone": "nix-on-droid"}
PROFILES = {
    "vps-sg-1": "/nix/var/nix/profiles/system",
    "workstation": "/home/alice/.local/state/nix/profiles/home-manager",
    "macbook": "/nix/var/nix/profiles/system",
    "phone": "/nix/var/nix/profiles/nix-on-droid",
}

# For each host: a module that makes a closure different, and one with a step that runs a command.
DIFFERENT = {
    "workstation": '{ home.file."different".text = "%s"; }',
    "macbook": '{ environment.etc."fleet/different".text = "%s"; }',
    "phone": '{ environment.etc."different".text = "%s"; }',
}
STEP = {
    "workstation": '({ lib, ... }: { home.activation.step = lib.hm.dag.entryAfter [ "linkGeneration" ] "%s"; })',
    "macbook": '{ system.activationScripts.postActivation.text = "%s"; }',
    "phone": '{ build.activationAfter.zzz = "%s"; }',
}

Result = dict[str, t.Any]


def script(text: str, name: str = "test") -> str:
    """A module with one activation script."""
    return f"{{ system.activationScripts.{name} = ''{text}''; }}"


def etc(text: str) -> str:
    """A module that makes a system different from others."""
    return f'{{ environment.etc.different.text = "{text}"; }}'


class Task:
    """One task on one host, under way."""

    def __init__(self, directory: Path, inventory: Path, host: str, module: str, options: Result, *flags: str) -> None:
        self._answer = directory / f"{time.monotonic_ns()}.json"
        escalate = {"become": True} if PLATFORMS[host] == "darwin" else {}
        keep = {"content": "{{ answer | to_json }}", "dest": str(self._answer), "mode": "0600"}
        play = {
            "hosts": host,
            "gather_facts": False,
            "tasks": [
                {
                    f"nix.fleet.{module}": options,
                    "register": "answer",
                    "ignore_errors": True,
                    "ignore_unreachable": True,
                    **escalate,
                },
                {
                    "ansible.builtin.copy": keep,
                    "delegate_to": "localhost",
                    "check_mode": False,
                    "diff": False,
                    "vars": {"ansible_connection": "local"},
                },
            ],
        }
        playbook = self._answer.with_suffix(".yml")
        playbook.write_text(json.dumps([play]))
        self.process = subprocess.Popen(
            ["ansible-playbook", "-i", str(inventory), str(playbook), *flags],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_INVENTORY_ENABLED": "yaml",
                "ANSIBLE_NOCOLOR": "1",
                "LC_ALL": "C.UTF-8",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def result(self) -> Result:
        """Wait for the end of the task and return its result."""
        self.output, _errors = self.process.communicate(timeout=300)
        assert self._answer.exists(), self.output
        answer: Result = json.loads(self._answer.read_text())
        return answer


class Target(Machine):
    """A host that is activated by the module."""

    directory: Path
    inventory: Path

    def start(self, module: str = "nix_activate", *flags: str, escalate: bool = True, **options: t.Any) -> Task:
        """Begin a task."""
        if not escalate:
            flags = (*flags, "-e", "ansible_become=false")
        if module == "nix_activate":
            options = {"platform": PLATFORMS[self.name], **options}
        return Task(self.directory, self.inventory, self.name, module, options, *flags)

    def activate(self, closure: str | None = None, *flags: str, **options: t.Any) -> Result:
        """Activate a closure and return the task's result."""
        if closure is not None:
            options["closure"] = closure
        return self.start("nix_activate", *flags, **options).result()

    def info(self, **options: t.Any) -> Result:
        """Return the facts of the host."""
        return self.start("nix_info", **options).result()

    @property
    def current_state(self) -> tuple[str, str]:
        """What runs, and what is the default."""
        facts = self.info(platform=PLATFORMS[self.name])
        return (facts["current_system"], facts["default"])

    @property
    def default(self) -> str:
        """The closure that the profile stands at."""
        return self.says(f"readlink -f {PROFILES[self.name]}")

    @property
    def generations(self) -> list[int]:
        """The numbers of the profile's generations."""
        return sorted(int(link.split("-")[-2]) for link in self.says(f"ls -d {PROFILES[self.name]}-*-link").split())

    @property
    def whole(self) -> str:
        """The system that runs, is the default and is what the machine boots; fails when these differ."""
        running = self.says("readlink /run/current-system")
        assert self.default == running
        if self.name.startswith("vps"):
            assert self.boots == running
        return running

    def wait_until(self, condition: str, seconds: float = 30) -> None:
        """Wait until a script succeeds on the host."""
        deadline = time.monotonic() + seconds
        while self.root(condition).rc:
            assert time.monotonic() < deadline, f"it did not come to this: {condition}"
            time.sleep(0.1)

    @property
    def leftovers(self) -> str:
        """What a deployment must not leave behind: processes, units, locks, roots."""
        return self.says(
            """
            supervisors() { ps -eo args | grep -E '[n]ix[.]fleet-[^ ]* (run|recover|step)'; }
            # Who was told of the end may be faster than the supervisor's own.
            for _ in 1 2 3 4 5; do supervisors >/dev/null || break; sleep 1; done
            supervisors || :
            systemctl list-units --all --plain --no-legend 'nix-fleet-*' 2>/dev/null || :
            ls -d /run/nix.fleet/lock /run/nix.fleet/takeover 2>/dev/null || :
            find /var/lib/nix.fleet/runs -type l ! -name boot
            """
        )


@pytest.fixture(scope="session")
def fleet(new_lab: Callable[[str], Lab]) -> Lab:
    """A rehearsal fleet of one host a platform."""
    return bring_up_one_of_each(new_lab("activation"))


def target(name: str) -> t.Any:
    """Make a fixture of one host."""

    @pytest.fixture(scope="session", name=name.split("-")[0])
    def _target(fleet: Lab, tmp_path_factory: pytest.TempPathFactory) -> Target:
        target = Target(fleet, name)
        directory = tmp_path_factory.mktemp(name)
        inventory = directory / "hosts.yml"
        inventory.write_text(fleet("inventory", name))
        secret = fleet.root / f"inventory/host_vars/{name}/lab.yml"
        if secret.exists():
            (directory / "host_vars" / name).mkdir(parents=True)
            (directory / "host_vars" / name / "lab.yml").write_text(secret.read_text())
        # Frozen, as what it extends; these two are this fixture's.
        object.__setattr__(target, "directory", directory)
        object.__setattr__(target, "inventory", inventory)
        return target

    return _target


vps = target("vps-sg-1")
workstation = target("workstation")
macbook = target("macbook")
phone = target("phone")
