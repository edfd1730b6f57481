# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page on errors quotes messages that the program really has."""

from __future__ import annotations

import functools
import re

import pytest

from .collection import ROOT

PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
OURS = PAGE.partition("\n## Ansible itself")[2].partition("\n## Not from nix.fleet")[0]
QUOTED = re.findall(r"^\| `(.+?)` \|", OURS, flags=re.MULTILINE)
# A message goes on in the next literal.
SEAM = re.compile(r"""["']\s*\n\s*f?["']""")


@functools.cache
def sources() -> tuple[str, ...]:
    """Return the text of every file that may have something to say, with each message in one line."""
    kinds = [("plugins", "py"), ("plugins", "sh"), ("roles", "yml")]
    files = [path for room, suffix in kinds for path in sorted((ROOT / room).rglob(f"*.{suffix}"))]
    return tuple(SEAM.sub("", path.read_text(encoding="utf-8")) for path in files)


@pytest.mark.parametrize("message", QUOTED)
def test_a_message_that_is_explained_is_one_of_the_program(message: str) -> None:
    words = [re.escape(part.strip(" ")) for part in message.split("…") if part.strip(" :")]
    pattern = re.compile("[^\n]*?".join(words))
    assert any(pattern.search(text) for text in sources())
