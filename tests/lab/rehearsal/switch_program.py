# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another program in place of the stand-in for switch-to-configuration, in every NixOS system that is built from now on."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .clone import Clone
from .errors import LabError

VARIABLE = "LAB_SWITCH_TO_CONFIGURATION"


def provide_switch_program(clone: Clone) -> None:
    """Have the program that the variable names where a pure evaluation of the stand-ins finds it; or none."""
    program = os.environ.get(VARIABLE)
    if not program:
        remove_switch_program(clone)
        return
    if not os.access(program, os.X_OK) or not Path(program).is_file():
        raise LabError(f"{VARIABLE}: {program} is no program")
    place = _place(clone)
    unfinished = place.with_name(f".{place.name}.unfinished")
    shutil.copyfile(program, unfinished)
    unfinished.chmod(0o755)
    unfinished.replace(place)


def remove_switch_program(clone: Clone) -> None:
    _place(clone).unlink(missing_ok=True)


def _place(clone: Clone) -> Path:
    return clone.standins / "nixpkgs" / "nixos" / "switch-to-configuration"
