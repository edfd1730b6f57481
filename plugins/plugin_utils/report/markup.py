# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markdown that says what it was given and nothing else, in a comment as in a job's summary.

A forge acts on what it finds in a comment: it notifies whoever is named with an @, links numbers and addresses, shows
images, and GitLab even obeys lines that begin with a slash. Machines' words are no such orders. They stand as code, where
forges look for nothing, with each punctuation mark as a character reference, which Markdown never takes for its own.
"""

from __future__ import annotations

import re

from ..core.terminal import harmless, harmless_line

# Words and numbers, which mean nothing to Markdown or a forge.
_PROSE = re.compile(r"(?:[A-Za-z]+|[0-9]{1,6}(?:\.[0-9]+)?|→|-)(?: (?:[A-Za-z]+|[0-9]{1,6}(?:\.[0-9]+)?|→|-))*")
# All of ASCII's but the comma and the hyphen, which mean something at the beginning of a line alone.
_PUNCTUATION = re.compile(r"[!-+./:-@\[-`{-~]")


def code(text: str) -> str:
    """Return ``text`` as code within a line."""
    return f"<code>{_references(harmless_line(text))}</code>" if text else ""


def cell(text: str) -> str:
    """Return ``text`` for a table: words and numbers as they are, anything else as code."""
    return text if _PROSE.fullmatch(text) else code(text)


def preformatted(text: str) -> str:
    """Return ``text`` as a block of its own, with its line breaks."""
    return f"<pre>{_references(harmless(text))}</pre>"


def folded(title: str, body: str) -> str:
    """Return ``body`` below a title that opens it; both are Markdown already."""
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"


def row(cells: tuple[str, ...]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def differences(lines: list[str]) -> str:
    """Return lines that each begin with ``+``, ``-`` or ``!`` such that forges colour them."""
    # None of them can end the block: that takes a line of tildes.
    return "\n".join(["~~~diff", *map(harmless_line, lines), "~~~"])


def _references(text: str) -> str:
    return _PUNCTUATION.sub(lambda found: f"&#{ord(found.group())};", text)
