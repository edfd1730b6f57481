# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flakes that the fleet's configurations are made of: stand-ins, or real ones that variables name."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .clone import Clone
from .errors import LabError
from .rootfs import root_file_system
from .run import run

VARIABLES = {
    "nixpkgs": "LAB_NIXPKGS",
    "nix-darwin": "LAB_NIX_DARWIN",
    "home-manager": "LAB_HOME_MANAGER",
    "nix-on-droid": "LAB_NIX_ON_DROID",
}
SWITCH_PROGRAM = "LAB_SWITCH_TO_CONFIGURATION"
# What each variable must name for tests on the real thing, which are skipped without it.
_MEANT = {
    "LAB_NIXPKGS": "a directory with a NixOS from before flakes, as nixpkgs 18.03",
    "LAB_NIX_DARWIN": "nix-darwin, as a directory or as a flake's reference",
    "LAB_HOME_MANAGER": "home-manager, as a directory or as a flake's reference",
    "LAB_NIX_ON_DROID": "nix-on-droid, as a directory or as a flake's reference",
    SWITCH_PROGRAM: "the program switch-to-configuration of switch-to-configuration-ng",
}
# In place of the flake's own: what it needs for its documentation and its tests alone is never fetched, and what the stand-in
# for nixpkgs has no packages for is switched off.
_FLAKE = """{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";%s
  outputs =
    inputs:
    let
      inherit ((import ./flake.real.nix)) outputs;
      flake = outputs (builtins.mapAttrs (_: _: inputs.nixpkgs) (builtins.functionArgs outputs) // inputs);
      # Manuals are made by programs that there are no thin packages of.
      without = {
        homeManagerConfiguration = { manual.manpages.enable = false; programs.man.enable = false; };
        darwinSystem = {
          documentation.enable = false;
          system.tools.darwin-uninstaller.enable = false;
          # As the fleet has them.
          nix.settings = { substituters = inputs.nixpkgs.lib.mkForce [ ]; system = "aarch64-darwin"; };
        };
      };
      thin = name: make: all: make (all // { modules = all.modules or [ ] ++ [ without.${name} ]; });
      made = builtins.intersectAttrs without flake.lib;
    in
    flake
    // {
      lib = flake.lib // (if inputs.nixpkgs.standIn or false then builtins.mapAttrs thin made else { });
    };
}
"""
_OF_OLD = ("perl",)
_STORE_PATH = re.compile(r'"(/nix/store/[a-z0-9]{32}-[^"]+)"')
_HOME_MANAGER = '\n  inputs.home-manager.url = "github:nix-community/home-manager/master";'


def provide_flakes(clone: Clone, nix: str, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the reference of each flake, with those that are to be real ones fetched and made ready for an evaluation offline."""
    place, named = _place(clone), os.environ if environment is None else environment
    shutil.rmtree(place, ignore_errors=True)
    inputs = {name: _provide(clone, nix, name, named.get(variable, "")) for name, variable in VARIABLES.items()}
    place.mkdir(parents=True, exist_ok=True)
    if program := named.get(SWITCH_PROGRAM):
        inputs["nixpkgs"] = _with_switch_program(clone, inputs["nixpkgs"], program)
    (place / "inputs.json").write_text(json.dumps(inputs))
    return inputs


def what_lacks(variable: str, environment: Mapping[str, str] | None = None) -> str:
    """Return why there is nothing real to test that a variable would name; nothing where there is."""
    named = (os.environ if environment is None else environment).get(variable, "")
    meant = bool(named) and (variable != VARIABLES["nixpkgs"] or _is_older_than_flakes(Path(named)))
    return (
        "" if meant else f"{variable} has to name {_MEANT[variable]}; it {f'names {named}' if named else 'is not set'}"
    )


def provided_flakes(clone: Clone) -> dict[str, str]:
    """Return what the last call of ``provide_flakes`` has returned; the stand-ins where there was none."""
    try:
        inputs: dict[str, str] = json.loads((_place(clone) / "inputs.json").read_text())
    except FileNotFoundError:
        return {name: f"path:{clone.standins / name}" for name in VARIABLES}
    return inputs


def provide_store_paths(clone: Clone, nix: str) -> None:
    """Have something at the store paths that nix-on-droid names without making them, which its binary cache has."""
    for file in _place(clone).glob("nix-on-droid/modules/environment/login/default.nix"):
        for path in map(Path, _STORE_PATH.findall(file.read_text())):
            check = [f"{nix}-store", "--check-validity", str(path)]
            if subprocess.run(check, capture_output=True, check=False).returncode == 0:
                continue
            program = path / "bin/proot-static"
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text('#!/bin/sh\nexec "$@"\n')
            program.chmod(0o555)
            run([f"{nix}-store", "--register-validity"], text=f"{path}\n\n0\n")


def _provide(clone: Clone, nix: str, name: str, wanted: str) -> str:
    if not wanted:
        return f"path:{clone.standins / name}"
    source = Path(wanted)
    if not source.is_absolute() and ":" in wanted:
        source = _fetched(nix, name, wanted)
    place = _place(clone) / name
    if name == "nixpkgs" and _is_older_than_flakes(source):
        _provide_old_nixpkgs(clone, source, place)
        return f"path:{place}"
    if not (source / "flake.nix").is_file():
        raise LabError(f"{VARIABLES[name]}: {wanted} is neither a directory with a flake nor a flake's reference")
    if name == "nixpkgs" and (source / "pkgs").is_dir():
        return f"path:{source.resolve()}"
    if name == "nixpkgs":
        # The library alone: the packages are the stand-in's.
        shutil.copytree(clone.standins / name, place)
        shutil.rmtree(place / "lib")
        shutil.copytree(source / "lib", place / "lib", symlinks=True)
    else:
        shutil.copytree(source, place, symlinks=True, ignore=shutil.ignore_patterns(".git", "flake.lock"))
        # As it is in no store.
        place.chmod(0o755)
        (place / "flake.nix").rename(place / "flake.real.nix")
        (place / "flake.nix").write_text(_FLAKE % (_HOME_MANAGER if name == "nix-on-droid" else ""))
    return f"path:{place}"


def _with_switch_program(clone: Clone, nixpkgs: str, program: str) -> str:
    """Have a program in place of the stand-in for switch-to-configuration, in every NixOS system that is built from now on."""
    if not os.access(program, os.X_OK) or not Path(program).is_file():
        raise LabError(f"{SWITCH_PROGRAM}: {program} is no program")
    place = _place(clone) / "nixpkgs"
    if nixpkgs == f"path:{clone.standins / 'nixpkgs'}":
        shutil.copytree(clone.standins / "nixpkgs", place)
        nixpkgs = f"path:{place}"
    if place.exists():
        shutil.copyfile(program, place / "nixos/switch-to-configuration")
        (place / "nixos/switch-to-configuration").chmod(0o755)
    return nixpkgs


def _fetched(nix: str, name: str, reference: str) -> Path:
    words = ["--extra-experimental-features", "nix-command flakes", "flake", "metadata", "--json", reference]
    done = subprocess.run([nix, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{VARIABLES[name]}: {reference} could not be fetched:\n{done.stderr}")
    return Path(json.loads(done.stdout)["path"])


def packages_of_hosts() -> tuple[str, ...]:
    """Return what hosts need besides, by Debian's names: before 2024, Perl switches a NixOS."""
    old = _is_older_than_flakes(Path(os.environ.get(VARIABLES["nixpkgs"]) or "/nonexistent"))
    return _OF_OLD if old else ()


def _is_older_than_flakes(source: Path) -> bool:
    return (source / "nixos/lib/eval-config.nix").is_file() and not (source / "flake.nix").exists()


def _provide_old_nixpkgs(clone: Clone, source: Path, place: Path) -> None:
    """Give it a flake's outputs, and packages of the programs and units that hosts have."""
    for part in filter(Path.is_dir, map(source.joinpath, ("lib", "nixos", "pkgs"))):
        shutil.copytree(part, place / part.name, symlinks=True)
    shutil.copy2(source / ".version", place)
    (place / "default.nix").write_text("arguments: import ./rehearsal ({ nixpkgs = ./.; } // arguments)\n")
    shutil.copytree(clone.standins / "nixpkgs-real", place / "rehearsal")
    (place / "rehearsal/flake.nix").rename(place / "flake.nix")
    for kind in ("system", "user"):
        units = root_file_system(_OF_OLD) / "usr/lib/systemd" / kind
        shutil.copytree(units, place / "rehearsal/units" / kind, symlinks=True)


def _place(clone: Clone) -> Path:
    return clone.state / "flakes"
