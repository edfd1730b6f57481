# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Systems made of the stand-ins for nixpkgs and its relatives, and hosts of a rehearsal fleet to try them on."""

from __future__ import annotations

import json
import shutil
import subprocess
import typing as t
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..conftest import Lab

ROOT = Path(__file__).resolve().parents[3]
LEGACY = "/nix/var/nix/profiles/per-user/alice"
HOSTS = ("vps-sg-1", "workstation", "macbook", "phone")

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
_FLAKES = {"vps-sg-1": "nixpkgs", "workstation": "home-manager", "macbook": "nix-darwin", "phone": "nix-on-droid"}
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


@dataclass(frozen=True)
class Machine:
    """A host of the fleet."""

    lab: Lab
    name: str

    def system(self, module: str = "{ }") -> str:
        """Build the host's configuration with a module more, bring it there, and return its path."""
        # Where the controller has a Nix of its own, the lab brings none.
        nix = shutil.which("nix") or str(self.lab.root / ".lab/bin/nix")
        expression = f"{self._places} {_CONFIGURATION} module = {module}; in made.{_BUILT[self.name]}"
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

    @property
    def flakes(self) -> dict[str, str]:
        """Where each flake is that the configurations are made of."""
        references: dict[str, str] = json.loads((self.lab.root / ".lab/flakes/inputs.json").read_text())
        return {name: reference.removeprefix("path:") for name, reference in references.items()}

    @property
    def is_real(self) -> bool:
        """Whether the host's platform is the real one, which a variable has named."""
        return self.flakes[_FLAKES[self.name]] != str(self.lab.root / "tests/lab/standins" / _FLAKES[self.name])

    @property
    def _places(self) -> str:
        return f"let places = builtins.fromJSON {json.dumps(json.dumps(self.flakes))}; in"

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

    def switch(self, system: str, action: str = "switch", variables: str = "") -> Outcome:
        """Make a NixOS system the profile's, and activate it."""
        profile = f"nix-env --profile /nix/var/nix/profiles/system --set {system}"
        return self.root(f"{profile} && {variables} {system}/bin/switch-to-configuration {action}")


def bring_up_one_of_each(lab: Lab) -> Lab:
    """Have a host of each platform up, as it is when its platform is about to be installed there."""
    lab.bring_up(*HOSTS)
    if Machine(lab, "macbook").is_real:
        # It overwrites no settings of Nix's that it does not know.
        lab("exec", "macbook", "--", "/bin/sh", "-c", "cd /etc/nix && mv nix.conf nix.conf.before-nix-darwin")
    return lab


@pytest.fixture(scope="session")
def fleet(new_lab: Callable[[str], Lab]) -> Lab:
    """A rehearsal fleet of one host a platform."""
    return bring_up_one_of_each(new_lab("standins"))


def machine(name: str) -> t.Any:
    """Make a fixture of one host."""

    @pytest.fixture(scope="session", name=name.split("-")[0])
    def _machine(fleet: Lab) -> Machine:
        return Machine(fleet, name)

    return _machine


vps = machine("vps-sg-1")
workstation = machine("workstation")
macbook = machine("macbook")
phone = machine("phone")
