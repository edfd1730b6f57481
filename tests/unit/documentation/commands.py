# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that the pages tell their readers to type.

They stand in blocks of the language ``console``. A block that no test can run begins with ``# Not run here:`` and why.
Where lines begin with ``$``, the others are what the command prints.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re

from .collection import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [
    page
    for directory in ("docs/migrate", "roles", "tests", "extensions")
    for page in sorted((ROOT / directory).rglob("*.md"))
]

CONSOLE = re.compile(r"^```console\n(?P<text>.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"# Not run here: (?P<reason>.*)")


@dataclasses.dataclass(frozen=True)
class Block:
    """Commands that are typed one after the other."""

    page: pathlib.Path
    text: str

    @property
    def reason(self) -> str | None:
        """Why no test runs it, or None when one does."""
        mark = _MARK.match(self.text)
        return mark["reason"] if mark else None

    @property
    def script(self) -> str:
        """What a shell is given."""
        typed = [line[2:] for line in self.text.splitlines() if line.startswith("$ ")]
        return "\n".join(typed) if typed else self.text.rstrip()


def blocks(page: pathlib.Path) -> list[Block]:
    """Return the blocks of a page, in their order."""
    return [Block(page, found["text"]) for found in CONSOLE.finditer(page.read_text(encoding="utf-8"))]
