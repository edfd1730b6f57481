# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What another user of the machine has put in the way is neither used nor run."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import CONFIRMED, confirm, deploy

from .nixos import NixOS

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.mark.parametrize("place", [".", "runs", "runs/20260101T000000Z-00000000"])
def test_a_directory_of_another_users_is_refused(nixos: NixOS, old: str, place: str) -> None:
    theirs = nixos.state / place
    theirs.mkdir(parents=True, exist_ok=True)
    os.chown(theirs, NOBODY, NOBODY)
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert answer.outcome == "refused"
    assert "belongs to another user" in answer.cause
    assert nixos.standing("/run/current-system") == old


def test_a_link_that_another_user_made_is_refused(nixos: NixOS, old: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    nixos.state.parent.mkdir(parents=True, exist_ok=True)
    if nixos.state.exists():
        nixos.state.rename(tmp_path / "before")
    nixos.state.symlink_to(tmp_path / "elsewhere")
    os.lchown(nixos.state, NOBODY, NOBODY)
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert answer.outcome == "refused"
    assert nixos.standing("/run/current-system") == old


def test_a_link_of_ones_own_is_followed(nixos: NixOS, old: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    nixos.state.parent.mkdir(parents=True, exist_ok=True)
    if nixos.state.exists():
        nixos.state.rename(tmp_path / "before")
    nixos.state.symlink_to(tmp_path / "elsewhere")
    assert nixos.deploy(nixos.system("nixos-new")).outcome in ("activated", "confirmed")


def test_what_stands_where_the_lock_belongs_is_no_lock(nixos: NixOS, old: str) -> None:
    nixos.live.mkdir(parents=True, exist_ok=True)
    (nixos.live / "lock").write_text("nonsense\n")
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert answer.outcome == "refused"
    assert nixos.standing("/run/current-system") == old


@pytest.mark.parametrize("place", [".", "runs", "runs/ID"])
@pytest.mark.parametrize("moment", ["begin", "confirm"])
def test_a_program_of_another_users_is_not_run_in_place_of_ones_own(
    nixos: NixOS, old: str, place: str, moment: str
) -> None:
    request = nixos.request(nixos.system("nixos-new"))
    planted = nixos.state / "runs" / request.id
    planted.mkdir(parents=True)
    (planted / "program").write_text(f": >{nixos.root}/harm\n")
    (planted / "boot").symlink_to("boot earlier")
    os.chown(nixos.state / place.replace("ID", request.id), NOBODY, NOBODY)
    answer = deploy(nixos, request) if moment == "begin" else confirm(nixos, request.id, CONFIRMED, 60)
    assert (answer.outcome, "belongs to another user" in answer.cause) == ("refused", True)
    assert not nixos.path("/harm").exists()
    assert nixos.standing("/run/current-system") == old


def test_what_belongs_to_another_user_throughout_is_not_ones_own_either(nixos: NixOS, old: str) -> None:
    request = nixos.request(nixos.system("nixos-new"))
    planted = nixos.state / "runs" / request.id
    planted.mkdir(parents=True)
    for directory in (nixos.state, nixos.state / "runs", planted):
        os.chown(directory, NOBODY, NOBODY)
    assert "belongs to another user" in deploy(nixos, request).cause
