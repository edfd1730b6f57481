# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a reader finds through the pages: four parts, a command at the beginning of each, and tables for small screens."""

from __future__ import annotations

import collections
import re
from pathlib import Path

import pytest

from .collection import ROOT

FRONT = (ROOT / "docs/site/index.md").read_text(encoding="utf-8")
GUIDES = [*sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/migrate").glob("*.md"))]
INDEX = ROOT / "docs/README.md"


def pages_of(tree: str) -> list[Path]:
    """Return the pages that a part of the navigation names; of some it has the title too."""
    names = [re.sub(r"^.*<(.*)>$", r"\1", line) for line in tree.splitlines() if line and not line.startswith(":")]
    return [page for name in names if not name.endswith("**") for page in ROOT.glob(f"{name}.md")]


def test_each_page_is_in_one_of_four_parts() -> None:
    parts = re.findall(r"^```\{toctree\}\n:caption: ([^\n]*)\n(.*?)^```$", FRONT, flags=re.MULTILINE | re.DOTALL)
    assert [caption for caption, _tree in parts] == ["Start", "Guides", "Reference", "How it works"]
    counts = collections.Counter(page for _caption, tree in parts for page in pages_of(tree))
    wanted = [*GUIDES, *(ROOT / "roles").glob("*/README.md")]
    assert {str(page): counts[page] for page in wanted if counts[page] != 1} == {}


@pytest.mark.parametrize(
    "page", [page for page in GUIDES if page != INDEX], ids=lambda page: str(page.relative_to(ROOT))
)
def test_a_page_begins_with_what_most_readers_want_to_type(page: Path) -> None:
    title, _end, text = page.read_text(encoding="utf-8").partition("-->\n")[2].partition("\n")
    before, block, _rest = text.partition("```")
    assert title.startswith("# ")
    assert block
    assert len(before.split()) < 40
    assert "##" not in before
