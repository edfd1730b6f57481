# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell scripts of a reboot, put together from their parts."""

from __future__ import annotations

import pathlib
import shlex
import typing as t

from ..target.programs import part, program

if t.TYPE_CHECKING:
    from .request import Request


def ask_script(request: Request) -> str:
    """Return the script that says whether to reboot, and has the machine do so.

    The program that goes on without the connection travels inside it.
    """
    restart = "\n".join([_common(request), _own_part("decision"), _own_part("restart"), "main"])
    return "\n".join(
        [
            _common(request),
            part("launch"),
            _own_part("decision"),
            _own_part("ask"),
            f"program={shlex.quote(restart)}",
            "ask",
        ]
    )


def look_script(request: Request, boot_id: str) -> str:
    """Return the script that says what there is to see of a machine that was in boot ``boot_id``."""
    return "\n".join([_common(request), _own_part("look"), shlex.join(["look", boot_id])])


def _common(request: Request) -> str:
    variables = [f"{name}={shlex.quote(value)}" for name, value in request.variables().items()]
    return "\n".join(
        [
            program("reboot", request.platform),
            *variables,
            "state_find_run",
            'profile=$(platform_profile_named "$profile")',
        ]
    )


def _own_part(name: str) -> str:
    return pathlib.Path(__file__).with_name(f"{name}.sh").read_text(encoding="utf-8")
