# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for switch-to-configuration is exchanged for the program that a variable names, and comes back without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.tests.lab.rehearsal.clone import Clone
from ansible_collections.nix.fleet.tests.lab.rehearsal.errors import LabError
from ansible_collections.nix.fleet.tests.lab.rehearsal.switch_program import VARIABLE, provide_switch_program


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the stand-ins of a clone have the program."""
    place = tmp_path / "tests/lab/standins/nixpkgs/nixos/switch-to-configuration"
    place.parent.mkdir(parents=True)
    return place


def test_the_named_program_is_there_until_none_is_named(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv(VARIABLE, str(program))
    provide_switch_program(Clone(tmp_path))
    assert (place.read_text(), os.access(place, os.X_OK), list(place.parent.iterdir())) == (
        "#!/bin/sh\n",
        True,
        [place],
    )
    monkeypatch.delenv(VARIABLE)
    provide_switch_program(Clone(tmp_path))
    assert not place.exists()


def test_what_is_no_program_is_named(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(LabError, match=f"{VARIABLE}: {tmp_path} is no program"):
        provide_switch_program(Clone(tmp_path))
    assert not place.exists()
