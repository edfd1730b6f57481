# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that others wrote, made fit to be printed: a terminal obeys control characters, and a reader is misled by some."""

from __future__ import annotations

import re
import unicodedata

# Colours and other orders to a terminal, which mean nothing in a log.
_ORDERS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def harmless(text: str) -> str:
    """Return ``text`` such that a terminal only prints it: line breaks and tabs stay, other control characters show.

    So do characters that change the direction of what follows, and halves of characters.

    >>> print(harmless("\\x1b[31mred\\x1b[0m, then \\x1b]0;title\\x07"))
    red, then \\x1b]0;title\\x07
    """
    if text.isprintable():
        return text
    text = _ORDERS.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return "".join(character if _is_harmless(character) else _shown(character) for character in text)


def harmless_line(text: str) -> str:
    """Return ``text`` as ``harmless`` does, in one line."""
    return " ".join(harmless(text).split("\n"))


def _is_harmless(character: str) -> bool:
    # Spaces other than the usual one are not printable to Python.
    return character.isprintable() or character in "\n\t" or unicodedata.category(character) == "Zs"


def _shown(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        # How Python holds a byte that is no text.
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
