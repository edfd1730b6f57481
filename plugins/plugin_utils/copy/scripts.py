# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The POSIX sh scripts of this directory, as text to be run on another machine."""

from __future__ import annotations

import pathlib

_END = "nix.fleet end of file"


def script(name: str) -> str:
    """Return the text of ``<name>.sh``."""
    return pathlib.Path(__file__).with_name(f"{name}.sh").read_text(encoding="utf-8")


def function(name: str, text: str) -> str:
    """Return the program ``text`` as a function, which has a process of its own: what it sets and when it exits is its own affair."""
    return f"{name}() (\n{text}\n)\n"


def printing(name: str, text: str) -> str:
    """Return the program ``text`` as the output of a function, for where it is to be a file of its own."""
    return f"{name}() {{\ncat <<'{_END}'\n{text}{_END}\n}}\n"
