# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines on Ansible's display, in the colours that the user has chosen there."""

from __future__ import annotations

import shutil
import typing as t

from ansible import constants

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ..report.table import Line

WIDEST = 100

_COLORS = {
    "ok": constants.COLOR_OK,
    "changed": constants.COLOR_CHANGED,
    "failed": constants.COLOR_ERROR,
    "unreachable": constants.COLOR_UNREACHABLE,
}


def screen_width() -> int:
    """Return how many characters a line may have: those of the terminal, but no more than are read with ease."""
    return min(WIDEST, shutil.get_terminal_size((WIDEST, 25)).columns)


def print_lines(display: t.Any, lines: Iterable[Line]) -> None:
    """Print each of ``lines``, in the colour of what it means."""
    for line in lines:
        display.display(line.text, color=_COLORS.get(line.meaning))
