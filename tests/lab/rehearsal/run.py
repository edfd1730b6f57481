# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the machine's own programs."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from .errors import LabError


def run(command: Sequence[str], text: str | None = None) -> str:
    """Run a command to its end and return what it printed; a failure shows the last lines of what it said."""
    try:
        done = subprocess.run(
            list(command), input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
    except FileNotFoundError:
        raise LabError(f"{command[0]}: no such program on this machine") from None
    if done.returncode != 0:
        tail = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-15:])
        raise LabError(f"`{' '.join(command)}` failed with exit code {done.returncode}:\n{tail}")
    return done.stdout
