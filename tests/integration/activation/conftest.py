# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of a rehearsal fleet of their own, to be activated by the module as a playbook would, and to be hurt meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import typing as t
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..conftest import Lab

ROOT = Path(__file__).resolve().parents[3]
LEGACY = "/nix/var/nix/profiles/per-user/alice"
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


# What an evaluation of flakes would make of them, without asking the network for what locks them.
_CONFIGURATION = f"""
let
  flake =
    name: others:
    let
      place = (import (places.${{name}} + "/flake.nix")).outputs;
      self = place ({{ inherit self; }} // others) // {{ outPath = places.${{name}}; }};
    in
    self;
  inputs = rec {{
    nixpkgs = flake "nixpkgs" {{ }};
    nix-darwin = flake "nix-darwin" {{ inherit nixpkgs; }};
    home-manager = flake "home-manager" {{ inherit nixpkgs; }};
    nix-on-droid = flake "nix-on-droid" {{ inherit nixpkgs home-manager; }};
  }};
  fleet = import {ROOT}/inventory/nodes.nix;
  # All of them for the machine that builds them here.
  nodes = fleet // {{ nodes = builtins.mapAttrs (_: node: node // {{ system = "x86_64-linux"; }}) fleet.nodes; }};
  files = node: [ ({ROOT}/nix/platforms + "/${{node.platform}}.nix") ] ++ roleOf node;
  roleOf = node: if node.role == null then [ ] else [ ({ROOT}/nix/roles + "/${{node.role}}.nix") ];
  made = (import {ROOT}/inventory/lib).mkFleet {{ inherit inputs nodes; modules = node: files node ++ [ module ]; }};
"""
_BUILT = {
    "vps-sg-1": "nixosConfigurations.vps-sg-1.config.system.build.toplevel",
    "workstation": 'homeConfigurations."alice@workstation".activationPackage',
    "macbook": "darwinConfigurations.macbook.system",
    "phone": "nixOnDroidConfigurations.phone.activationPackage",
}


@dataclass(frozen=True)
class Outcome:
    """How a command on a host ended, and all that it said."""

    rc: int
    said: str


def flakes(lab: Lab) -> dict[str, str]:
    """Return where each flake is that the configurations are made of."""
    references: dict[str, str] = json.loads((lab.root / ".lab/flakes/inputs.json").read_text())
    return {name: reference.removeprefix("path:") for name, reference in references.items()}


@dataclass(frozen=True)
class Target:
    """A host that is activated by the module."""

    lab: Lab
    name: str
    directory: Path
    inventory: Path

    def system(self, module: str = "{ }") -> str:
        """Build the host's configuration with a module more, bring it there, and return its path."""
        # Where the controller has a Nix of its own, the lab brings none.
        nix = shutil.which("nix") or str(self.lab.root / ".lab/bin/nix")
        places = json.dumps(json.dumps(flakes(self.lab)))
        expression = f"let places = builtins.fromJSON {places}; in {_CONFIGURATION} module = {module}; in made.{_BUILT[self.name]}"
        built = subprocess.run(
            [nix, "build", "--impure", "--no-link", "--print-out-paths", "--expr", expression],
            capture_output=True,
            text=True,
            check=False,
        )
        assert built.returncode == 0, built.stderr
        path = built.stdout.strip()
        self._bring(nix, path)
        return path

    def _bring(self, nix: str, path: str) -> None:
        program = f"{nix}-store"
        closure = subprocess.run([program, "-qR", path], capture_output=True, text=True, check=True).stdout.split()
        archive = subprocess.run([program, "--export", *closure], capture_output=True, check=True).stdout
        taking = [str(self.lab.root / "tests/lab/lab"), "exec", self.name, "--", "/opt/nix/bin/nix-store", "--import"]
        if self.name == "phone":
            taking = self._ssh(". ~/.profile; nix-store --import")
        subprocess.run(taking, input=archive, capture_output=True, check=True)

    def _ssh(self, command: str) -> list[str]:
        return ["ssh", "-F", str(self.lab.root / ".lab/ssh_config"), self.name, command]

    def root(self, script: str) -> Outcome:
        """Run a script as root."""
        done = self.lab.try_to("exec", self.name, "--", "/bin/sh", "-c", script)
        return Outcome(done.returncode, done.stdout + done.stderr)

    def user(self, script: str) -> Outcome:
        """Run a script as the one who logs in."""
        done = subprocess.run(self._ssh(script), capture_output=True, text=True, check=False)
        return Outcome(done.returncode, done.stdout + done.stderr)

    def says(self, script: str) -> str:
        """Return what a script that must succeed prints."""
        outcome = self.root(script)
        assert outcome.rc == 0, outcome.said
        return outcome.said.strip()

    def move_to_legacy(self) -> None:
        """Have alice's profile where Nix had it before 2.14, and nothing where it has it since."""
        self.says(f"mkdir -p {LEGACY} && chown alice {LEGACY}")
        own = "~/.local/state/nix/profiles"
        done = self.user(f"cd {own} && cp -P home-manager home-manager-*-link {LEGACY} && rm -rf {own}")
        assert done.rc == 0, done.said

    @property
    def boots(self) -> str:
        """The system that the boot loader would start now."""
        return self.lab("boots", self.name).strip()

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


@pytest.fixture(scope="session")
def fleet(new_lab: Callable[[str], Lab]) -> Lab:
    """A rehearsal fleet of one host a platform."""
    lab = new_lab("activation")
    lab.bring_up(*PLATFORMS)
    if flakes(lab)["nix-darwin"] != str(lab.root / "tests/lab/standins/nix-darwin"):
        # It overwrites no settings of Nix's that it does not know.
        lab("exec", "macbook", "--", "/bin/sh", "-c", "cd /etc/nix && mv nix.conf nix.conf.before-nix-darwin")
    return lab


def target(name: str) -> t.Any:
    """Make a fixture of one host."""

    @pytest.fixture(scope="session", name=name.split("-")[0])
    def _target(fleet: Lab, tmp_path_factory: pytest.TempPathFactory) -> Target:
        directory = tmp_path_factory.mktemp(name)
        inventory = directory / "hosts.yml"
        inventory.write_text(fleet("inventory", name))
        secret = fleet.root / f"inventory/host_vars/{name}/lab.yml"
        if secret.exists():
            (directory / "host_vars" / name).mkdir(parents=True)
            (directory / "host_vars" / name / "lab.yml").write_text(secret.read_text())
        return Target(fleet, name, directory, inventory)

    return _target


vps = target("vps-sg-1")
workstation = target("workstation")
macbook = target("macbook")
phone = target("phone")
