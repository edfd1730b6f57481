# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-ins are exchanged for the flakes that variables name, and come back without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.nix.fleet.tests.lab.rehearsal.clone import Clone
from ansible_collections.nix.fleet.tests.lab.rehearsal.errors import LabError
from ansible_collections.nix.fleet.tests.lab.rehearsal.real_flakes import (
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


def test_a_directory_is_taken_in_place_of_a_stand_in_until_none_is_named(clone: Clone, real: Path) -> None:
    place = clone.state / "flakes/home-manager"
    inputs = provide_flakes(clone, "no-nix", {"LAB_HOME_MANAGER": str(real)})
    assert inputs["home-manager"] == provided_flakes(clone)["home-manager"] == f"path:{place}"
    assert (place / "flake.real.nix").read_text() == (real / "flake.nix").read_text()
    provide_flakes(clone, "no-nix", {})
    assert not place.exists()


def test_what_is_no_flake_is_named(clone: Clone, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="LAB_NIX_DARWIN"):
        provide_flakes(clone, "no-nix", {"LAB_NIX_DARWIN": str(tmp_path)})


def test_a_test_has_what_a_variable_names_if_that_is_what_it_is_for(tmp_path: Path) -> None:
    assert not what_lacks("LAB_NIX_DARWIN", {"LAB_NIX_DARWIN": "github:nix-darwin/nix-darwin"})
    assert what_lacks("LAB_NIXPKGS", {"LAB_NIXPKGS": str(tmp_path)}).endswith(f"; it names {tmp_path}")
    (tmp_path / "nixos/lib").mkdir(parents=True)
    (tmp_path / "nixos/lib/eval-config.nix").write_text("")
    assert not what_lacks("LAB_NIXPKGS", {"LAB_NIXPKGS": str(tmp_path)})
