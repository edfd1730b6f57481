# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test here starts from."""

from __future__ import annotations

import pathlib
import shutil

import pytest

from .machine import Machine

SHELLS = [shell for shell in ("dash", "bash --posix", "busybox ash") if shutil.which(shell.split()[0])]


@pytest.fixture(params=SHELLS)
def machine(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Machine:
    """A machine of each kind of sh that can be had."""
    return Machine(tmp_path, request.param)
