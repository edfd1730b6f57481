# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which version of the lab a running process is of: after an update, `up` replaces what is of another one."""

from __future__ import annotations

from pathlib import Path

from .cache import recipe_key


def program_version() -> str:
    """A name for this version of the lab's own program."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return recipe_key(*(source.read_text() for source in sources))
