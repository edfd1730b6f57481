# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text for people: numbers and sizes, what others wrote made fit to be printed, and passwords taken out of addresses."""

from __future__ import annotations

import re
import typing as t
import unicodedata

# How many characters of a commit's name tell it from the others, for a person.
SHORT = 12


def counted(number: int, what: str) -> str:
    """Return a number of things: ``1 path``, ``2 paths``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def size(count: int) -> str:
    """Return a number of bytes with its unit: ``0 B``, ``1.5 MiB``."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(amount) < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" or abs(amount) >= 100 else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def duration(seconds: float) -> str:
    """Return a time span with its unit: ``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 07 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


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


HIDDEN = "***"

# https://TOKEN@host and https://user:PASSWORD@host, but not ssh://git@host.
_TOKEN = re.compile(r"(?<=https://)[^/\s@:]+(?=@)|(?<=http://)[^/\s@:]+(?=@)")
_PASSWORD = re.compile(r"(://[^/\s@:]*:)[^/\s@]+(?=@)")
_PARAMETER = re.compile(r"([?&](?:[a-z]+[_-])?(?:token|password|secret|key)=)[^&\s#\"']+", re.IGNORECASE)


def redacted(value: t.Any) -> t.Any:
    """Return ``value`` with what stands for a secret in an address hidden, in whatever strings it holds.

    >>> redacted({"url": "git+https://me:hunter2@git.example/fleet?ref=main"})
    {'url': 'git+https://me:***@git.example/fleet?ref=main'}
    """
    if isinstance(value, dict):
        return {key: redacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item) for item in value]
    if isinstance(value, str) and "://" in value:
        value = _PASSWORD.sub(rf"\1{HIDDEN}", value)
        return _PARAMETER.sub(rf"\1{HIDDEN}", _TOKEN.sub(HIDDEN, value))
    return value
