# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is believed on the controller lies where nobody else can put anything."""

from __future__ import annotations

import os
import pathlib
import stat
import tempfile

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.private_directory import private_directory

from ...errors import fails_with

NOBODY = 65534


def test_a_directory_is_made_for_us_alone(tmp_path: pathlib.Path) -> None:
    made = private_directory(tmp_path / "nix.fleet/evaluation", advice="-")
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert stat.S_IMODE(made.parent.stat().st_mode) & 0o022 == 0
    assert private_directory(made, advice="-") == made


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("place", ["nix.fleet", "nix.fleet/evaluation"])
def test_a_directory_that_another_user_made_first_is_refused(tmp_path: pathlib.Path, place: str) -> None:
    (tmp_path / "nix.fleet/evaluation").mkdir(parents=True)
    os.chown(tmp_path / place, NOBODY, NOBODY)
    with fails_with("nix.foreign_directory") as caught:
        private_directory(tmp_path / "nix.fleet/evaluation", advice="remove it")
    assert caught.value.advice == "remove it"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_link_to_what_another_user_has_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", NOBODY, NOBODY)
    (tmp_path / "nix.fleet").mkdir()
    (tmp_path / "nix.fleet/evaluation").symlink_to(tmp_path / "theirs")
    with fails_with("nix.foreign_directory"):
        private_directory(tmp_path / "nix.fleet/evaluation", advice="-")


def test_a_directory_that_others_can_write_to_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "nix.fleet/evaluation").mkdir(parents=True)
    (tmp_path / "nix.fleet").chmod(0o777)
    with fails_with("nix.open_directory"):
        private_directory(tmp_path / "nix.fleet/evaluation", advice="-")


def test_a_file_in_its_place_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "nix.fleet").mkdir()
    (tmp_path / "nix.fleet/evaluation").write_text("")
    with fails_with("nix.unusable"):
        private_directory(tmp_path / "nix.fleet/evaluation", advice="-")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_a_directory_that_its_owner_cannot_write_to_is_refused() -> None:
    # Those of pytest are for nobody else.
    with tempfile.TemporaryDirectory() as around:
        place = pathlib.Path(around, "nix.fleet/evaluation")
        place.mkdir(parents=True)
        for directory in (pathlib.Path(around), place.parent, place):
            os.chown(directory, NOBODY, NOBODY)
        place.chmod(0o500)
        child = os.fork()
        if child == 0:
            os.setuid(NOBODY)
            try:
                private_directory(place, advice="-")
            except NixError as error:
                os._exit(0 if error.cause == f"{place} cannot be written" else 2)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
