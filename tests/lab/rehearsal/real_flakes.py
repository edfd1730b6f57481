# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flakes that the fleet's configurations are made of: stand-ins, or real ones that variables name."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from .clone import Clone
from .errors import LabError

VARIABLES = {
    "nixpkgs": "LAB_NIXPKGS",
    "nix-darwin": "LAB_NIX_DARWIN",
    "home-manager": "LAB_HOME_MANAGER",
    "nix-on-droid": "LAB_NIX_ON_DROID",
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
      without = { manual.manpages.enable = false; programs.man.enable = false; };
      more = if inputs.nixpkgs.standIn or false then [ without ] else [ ];
    in
    {
      lib = flake.lib // {
        homeManagerConfiguration =
          all: flake.lib.homeManagerConfiguration (all // { modules = all.modules or [ ] ++ more; });
      };
    };
}
"""
_HOME_MANAGER = '\n  inputs.home-manager.url = "github:nix-community/home-manager/master";'


def provide_flakes(clone: Clone, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the reference of each flake, with directories that are to be real ones made ready for an evaluation offline."""
    shutil.rmtree(_place(clone), ignore_errors=True)
    inputs = {
        name: _provide(clone, name, (os.environ if environment is None else environment).get(variable, ""))
        for name, variable in VARIABLES.items()
    }
    place = _place(clone)
    place.mkdir(parents=True, exist_ok=True)
    (place / "inputs.json").write_text(json.dumps(inputs))
    return inputs


def provided_flakes(clone: Clone) -> dict[str, str]:
    """Return what the last call of ``provide_flakes`` has returned; the stand-ins where there was none."""
    try:
        inputs: dict[str, str] = json.loads((_place(clone) / "inputs.json").read_text())
    except FileNotFoundError:
        return {name: f"path:{clone.standins / name}" for name in VARIABLES}
    return inputs


def _provide(clone: Clone, name: str, wanted: str) -> str:
    if not wanted:
        return f"path:{clone.standins / name}"
    source = Path(wanted)
    if not source.is_absolute() and ":" in wanted:
        return wanted
    if not (source / "flake.nix").is_file():
        raise LabError(f"{VARIABLES[name]}: {wanted} is neither a directory with a flake nor a flake's reference")
    if name == "nixpkgs" and (source / "pkgs").is_dir():
        return f"path:{source.resolve()}"
    place = _place(clone) / name
    if name == "nixpkgs":
        # The library alone: the packages are the stand-in's.
        shutil.copytree(clone.standins / name, place)
        shutil.rmtree(place / "lib")
        shutil.copytree(source / "lib", place / "lib", symlinks=True)
    else:
        shutil.copytree(source, place, symlinks=True, ignore=shutil.ignore_patterns(".git", "flake.lock"))
        (place / "flake.nix").rename(place / "flake.real.nix")
        (place / "flake.nix").write_text(_FLAKE % (_HOME_MANAGER if name == "nix-on-droid" else ""))
    return f"path:{place}"


def _place(clone: Clone) -> Path:
    return clone.state / "flakes"
