# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-ins are exchanged for the flakes that variables name, and come back without them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.tests.lab.rehearsal import real_flakes
from ansible_collections.nix.fleet.tests.lab.rehearsal.clone import Clone
from ansible_collections.nix.fleet.tests.lab.rehearsal.errors import LabError
from ansible_collections.nix.fleet.tests.lab.rehearsal.real_flakes import (
    VARIABLES,
    provide_flakes,
    provided_flakes,
    what_lacks,
)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone with a stand-in for nixpkgs."""
    clone = Clone(tmp_path / "clone")
    for file in ("flake.nix", "lib/default.nix", "pkgs/default.nix"):
        path = clone.standins / "nixpkgs" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("stand-in")
    return clone


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A directory with a flake and a library."""
    real = tmp_path / "real"
    (real / "lib").mkdir(parents=True)
    (real / "flake.nix").write_text("{ outputs = { self, nixpkgs, docs }: { }; }")
    (real / "lib/default.nix").write_text("real")
    return real


def test_without_a_variable_they_are_the_stand_ins(clone: Clone) -> None:
    standins = {name: f"path:{clone.standins / name}" for name in VARIABLES}
    assert provide_flakes(clone, "no-nix", {}) == provided_flakes(clone) == standins


def test_a_directory_is_taken_in_place_of_a_stand_in_until_none_is_named(clone: Clone, real: Path) -> None:
    place = clone.state / "flakes/home-manager"
    inputs = provide_flakes(clone, "no-nix", {"LAB_HOME_MANAGER": str(real)})
    assert inputs["home-manager"] == provided_flakes(clone)["home-manager"] == f"path:{place}"
    assert (place / "flake.real.nix").read_text() == (real / "flake.nix").read_text()
    provide_flakes(clone, "no-nix", {})
    assert not place.exists()


@pytest.mark.parametrize("nixpkgs", [False, True])
def test_a_program_takes_the_place_of_the_one_that_switches_in_a_copy(clone: Clone, real: Path, nixpkgs: bool) -> None:
    (clone.standins / "nixpkgs/nixos").mkdir()
    program = clone.root / "program"
    program.write_text("#!/bin/sh\n")
    named = {"LAB_SWITCH_TO_CONFIGURATION": str(program), **({"LAB_NIXPKGS": str(real)} if nixpkgs else {})}
    with pytest.raises(LabError, match="LAB_SWITCH_TO_CONFIGURATION"):
        provide_flakes(clone, "no-nix", named)
    program.chmod(0o755)
    place = Path(provide_flakes(clone, "no-nix", named)["nixpkgs"].removeprefix("path:"))
    assert os.access(place / "nixos/switch-to-configuration", os.X_OK)
    assert not (clone.standins / "nixpkgs/nixos/switch-to-configuration").exists()


def test_of_nixpkgs_the_library_alone_will_do(clone: Clone, real: Path) -> None:
    place = Path(provide_flakes(clone, "no-nix", {"LAB_NIXPKGS": str(real)})["nixpkgs"].removeprefix("path:"))
    assert [(place / file).read_text() for file in ("lib/default.nix", "pkgs/default.nix")] == ["real", "stand-in"]


def test_a_whole_nixpkgs_is_taken_as_it_is(clone: Clone, real: Path) -> None:
    (real / "pkgs").mkdir()
    assert provide_flakes(clone, "no-nix", {"LAB_NIXPKGS": str(real)})["nixpkgs"] == f"path:{real}"


def test_a_reference_is_fetched_and_taken_as_a_directory(clone: Clone, real: Path, tmp_path: Path) -> None:
    nix = tmp_path / "nix"
    nix.write_text(f"""#!/bin/sh\n[ "$*" != "${{*%github:a/b}}" ] && echo '{{"path": "{real}"}}'\n""")
    nix.chmod(0o755)
    place = clone.state / "flakes/home-manager"
    assert provide_flakes(clone, str(nix), {"LAB_HOME_MANAGER": "github:a/b"})["home-manager"] == f"path:{place}"
    assert (place / "flake.real.nix").read_text() == (real / "flake.nix").read_text()
    with pytest.raises(LabError, match="LAB_HOME_MANAGER: github:c/d could not be fetched"):
        provide_flakes(clone, str(nix), {"LAB_HOME_MANAGER": "github:c/d"})


def test_a_nixpkgs_from_before_flakes_is_given_outputs_and_packages(
    clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, hosts, ours = tmp_path / "old", tmp_path / "hosts", clone.standins / "nixpkgs-real"
    for path in (old / "nixos/lib/eval-config.nix", old / ".version", old / "doc/manual.xml", ours / "flake.nix"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    for kind in ("system", "user"):
        (hosts / "usr/lib/systemd" / kind).mkdir(parents=True)
    monkeypatch.setattr(real_flakes, "root_file_system", lambda _more: hosts)
    place = Path(provide_flakes(clone, "no-nix", {"LAB_NIXPKGS": str(old)})["nixpkgs"].removeprefix("path:"))
    there = ("flake.nix", "default.nix", "nixos/lib/eval-config.nix", "rehearsal/units/system")
    assert [(place / name).exists() for name in there] == [True] * len(there)
    assert not (place / "doc").exists()


def test_what_is_no_flake_is_named(clone: Clone, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="LAB_NIX_DARWIN"):
        provide_flakes(clone, "no-nix", {"LAB_NIX_DARWIN": str(tmp_path)})


@pytest.mark.parametrize("variable", [*VARIABLES.values(), "LAB_SWITCH_TO_CONFIGURATION"])
def test_a_test_that_lacks_the_real_thing_is_told_which_variable_names_it_and_what(variable: str) -> None:
    reason = what_lacks(variable, {})
    assert reason.startswith(f"{variable} has to name ")
    assert reason.endswith("; it is not set")


def test_a_test_has_what_a_variable_names_if_that_is_what_it_is_for(tmp_path: Path) -> None:
    assert not what_lacks("LAB_NIX_DARWIN", {"LAB_NIX_DARWIN": "github:nix-darwin/nix-darwin"})
    assert what_lacks("LAB_NIXPKGS", {"LAB_NIXPKGS": str(tmp_path)}).endswith(f"; it names {tmp_path}")
    (tmp_path / "nixos/lib").mkdir(parents=True)
    (tmp_path / "nixos/lib/eval-config.nix").write_text("")
    assert not what_lacks("LAB_NIXPKGS", {"LAB_NIXPKGS": str(tmp_path)})
