# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables and lines of text for a terminal, with what colour says about them kept apart.

What the lines say may come from a machine, which has no say in how they look.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import textwrap
import typing as t

from ..core.text import harmless_line

if t.TYPE_CHECKING:
    from collections.abc import Sequence


Meaning = t.Literal["plain", "ok", "changed", "failed", "unreachable"]

GAP = "  "
_STORE_HASH = re.compile(r"/nix/store/[0-9a-z]{32}-")
# What follows the name of a configuration in the attribute that is built.
_ATTRIBUTE_END = re.compile(r"(Configurations\.(?:\"[^\"]+\"|[\w-]+))(?:\.[A-Za-z]+)+")
_COMMAND = re.compile("`[^`]+`")
_NO_BREAK = "\N{NO-BREAK SPACE}"
_CARET = re.compile(r" *\|? *\^[ ^~-]*")


@dataclasses.dataclass(frozen=True)
class Line:
    """A line, and what it means."""

    text: str
    meaning: Meaning = "plain"


def aligned(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Lay ``rows`` of equal length out in columns, at most ``width`` wide.

    A column is as wide as its widest cell. Where that is too much, the gaps give way, and then a name has a line of its own.
    """
    rows = [[harmless_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    gap = GAP if sum(widths) + len(GAP) * (len(widths) - 1) <= width else " "
    widths[0] = min(widths[0], max(8, width - sum(widths[1:]) - len(gap) * (len(widths) - 1)))
    lines = []
    for name, *cells in rows:
        names = [name] if len(name) <= widths[0] else [name, ""]
        lines.append("\n".join(names[:-1] + [gap.join(map(str.ljust, [names[-1], *cells], widths)).rstrip()]))
    return lines


def cut(text: str, width: int) -> str:
    """Return ``text`` in at most ``width`` characters, the last of them saying when something is missing."""
    text = harmless_line(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def short_paths(text: str) -> str:
    """Return ``text`` with store paths by their names alone, and attributes of a flake without what all of them end in."""
    return _ATTRIBUTE_END.sub(r"\1", _STORE_HASH.sub("", text))


def wrapped_log(lines: Sequence[str], width: int, *, indent: str) -> list[Line]:
    """Return the lines of a log in ``width`` characters, with nothing left out; a long word stays whole.

    Where Nix marks a place in a line of source by a caret, that stands below the piece of the line which has the place.
    """
    room = max(width - len(indent), 20)
    wrapped: list[Line] = []
    for line, following in itertools.zip_longest(lines, lines[1:], fillvalue=""):
        number, column = divmod(following.find("^"), room)
        if _CARET.fullmatch(line) and wrapped:
            continue
        if _CARET.fullmatch(following):
            pieces = [line[start : start + room] for start in range(0, max(len(line), 1), room)]
            pieces.insert(min(number + 1, len(pieces)), " " * column + following.lstrip(" |"))
            wrapped += [Line(harmless_line(f"{indent}{piece}").rstrip()) for piece in pieces]
        else:
            blank = line[: min(len(line) - len(line.lstrip()), room // 2)]
            wrapped += note(line.lstrip(), width, indent=indent + blank)
    return wrapped


def note(text: str, width: int, meaning: Meaning = "plain", *, indent: str = "    ") -> list[Line]:
    """Return ``text`` broken into lines of at most ``width``, which go on behind a deeper indent.

    A long word stays whole, and so does a command, which stands in backquotes: it is to be copied.
    """
    lines = textwrap.wrap(
        _COMMAND.sub(lambda found: found[0].replace(" ", _NO_BREAK), harmless_line(text)),
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [Line(line.replace(_NO_BREAK, " "), meaning) for line in lines]
