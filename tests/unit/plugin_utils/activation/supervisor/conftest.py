# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of each shell, with or without systems that it has run."""

from __future__ import annotations

import pathlib

import pytest

from ..machine import SHELLS
from .nixos import NixOS


@pytest.fixture(params=SHELLS)
def nixos(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> NixOS:
    return NixOS(tmp_path, request.param, uid=0)


@pytest.fixture
def old(nixos: NixOS) -> str:
    first, second = nixos.system("nixos-first"), nixos.system("nixos-old")
    nixos.install(first, second)
    return second
