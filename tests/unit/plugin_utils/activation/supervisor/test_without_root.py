# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever is not root on a NixOS machine may see what would change there, and changes nothing."""

from __future__ import annotations

import pathlib

import pytest

from ..machine import SHELLS
from .nixos import NixOS


@pytest.fixture(params=SHELLS)
def nixos(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> NixOS:
    machine = NixOS(tmp_path, request.param, uid=1000)
    machine.install(machine.system("nixos-old"))
    return machine


def test_a_check_says_what_would_become_of_the_machine_and_what_it_cannot_say(nixos: NixOS) -> None:
    before = nixos.whole_as
    answer = nixos.deploy(nixos.system("nixos-new"), check=True)
    assert (answer.outcome, answer.exit_code) == ("activated", None)
    assert "root alone" in answer.log
    assert (nixos.whole_as, nixos.calls) == (before, [])


@pytest.mark.parametrize("wanted", [{}, {"goal": "dry-activate", "check": True}])
def test_what_takes_root_is_refused(nixos: NixOS, wanted: dict[str, object]) -> None:
    before = nixos.whole_as
    answer = nixos.deploy(nixos.system("nixos-new"), **wanted)
    assert (answer.outcome, "activated by root" in answer.cause) == ("refused", True)
    assert (nixos.whole_as, nixos.calls) == (before, [])
