# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine of each shell, with or without systems that it has run."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import typing as t

import pytest

from ..machine import SHELLS
from .nixos import NixOS


@pytest.fixture(params=SHELLS)
def nixos(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> NixOS:
    return NixOS(tmp_path, request.param, uid=0)


@pytest.fixture(autouse=True)
def nothing_goes_on(tmp_path: pathlib.Path) -> t.Iterator[None]:
    yield
    # What is not back is brought back again and again, also when nobody looks any more.
    for cwd in pathlib.Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if cwd.readlink().is_relative_to(tmp_path):
                os.kill(int(cwd.parent.name), signal.SIGKILL)


@pytest.fixture
def old(nixos: NixOS) -> str:
    first, second = nixos.system("nixos-first"), nixos.system("nixos-old")
    nixos.install(first, second)
    return second


@pytest.fixture
def stuck(nixos: NixOS) -> str:
    """A system that runs, and cannot be activated again as long as there is no way back."""
    nixos.hurry()
    system = nixos.system("nixos-old", trouble='[ ! -e "$root/no-way-back" ] || exit 2')
    nixos.install(system)
    nixos.path("/no-way-back").touch()
    return system
