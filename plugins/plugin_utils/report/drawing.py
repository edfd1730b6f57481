# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines at the bottom of a terminal that are drawn anew all the time, by rich."""

from __future__ import annotations

import contextlib
import sys
import termios
import typing as t

from ..core.text import duration, harmless_line

try:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text
except ImportError:
    CAN_DRAW = False
else:
    CAN_DRAW = True

if t.TYPE_CHECKING:
    from .progress import Board

# Of a terminal's lines, what is drawn takes at most this share: the rest is for the lines that stay.
SHARE = 0.6
# Below the hosts: how many there are besides, and all of them in one line.
OTHER_LINES = 2
WIDEST_NAME = 30
# Where the hosts that are done have a mark.
INDENT = "  "


class Drawing:
    """A board, drawn on standard output until it is left. All of it is called by whoever has Ansible's lock on it."""

    def __init__(self, *, color: bool) -> None:
        self._console = Console(no_color=not color, highlight=False, soft_wrap=True)
        self._live: Live | None = None

    def draw(self, board: Board, now: float, seconds: float) -> None:
        """Draw ``board``, unless somebody types what must not be seen: then it is a program's turn that waits for it."""
        if _types_secretly():
            return
        if self._live is None:
            # What others print meanwhile, rich puts above. What goes elsewhere is to arrive there.
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stderr=sys.stderr.isatty(),
                vertical_overflow="crop",
            )
            self._live.start()
            # Nothing has to be put right when the run is killed.
            self._console.show_cursor()
        self._live.update(picture(board, now, seconds, self._console.size.height), refresh=True)

    def clear(self) -> None:
        """Take it off the screen, until it is drawn again."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def leave(self) -> None:
        """Leave it on the screen as it is."""
        if self._live is not None:
            self._live.transient = False
            self.clear()


def picture(board: Board, now: float, seconds: float, height: int) -> Group:
    """Return the hosts at work as a terminal of so many lines has room for them, and a line for all hosts."""
    room = max(1, int(height * SHARE) - OTHER_LINES)
    working = board.working(now)
    shown = working if len(working) <= room else working[: room - 1]
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", width=len(INDENT) + min(board.widest, WIDEST_NAME))
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(no_wrap=True, justify="right")
    for work in shown:
        table.add_row(_text(INDENT + work.host), _text(work.text(now), style="cyan"), duration(now - work.arrived))
    if len(shown) < len(working):
        table.add_row(Text(f"{INDENT}…"), Text(f"{len(working) - len(shown)} more at work"))
    return Group(table, Text(board.counts(now, seconds), style="bold", no_wrap=True, overflow="ellipsis"))


def _text(text: str, style: str = "") -> Text:
    return Text(harmless_line(text), style=style)


def _types_secretly() -> bool:
    """Whether the terminal does not show what is typed, as when ssh asks for a passphrase."""
    with contextlib.suppress(AttributeError, ValueError, OSError, termios.error):
        return not termios.tcgetattr(sys.stdin.fileno())[3] & termios.ECHO
    return False
