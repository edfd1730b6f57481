# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command on the pages is one that a test runs (tests/integration/documentation), or says why none does."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest

from .collection import ROOT
from .commands import CONSOLE, PAGES, blocks

ALL = [block for page in PAGES for block in blocks(page)]
# With variables before it, or behind sudo, it is a command all the same.
BEFORE = r"(?:[A-Za-z_]+=\S* +|sudo +)*"
PROGRAMS = f"{BEFORE}(?:ansible|make |tests/lab/lab|nix |git |ssh |jq |molecule|semaphore |for )"
# What a reader of a forge or of the site takes for something to type.
DISGUISED = re.compile(
    rf"^(?:    (?:{PROGRAMS})|```(?:sh|bash|shell|text)?\n(?:\$ )?(?:{PROGRAMS}))", flags=re.MULTILINE
)


def name(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_command_stands_where_a_test_finds_it(page: pathlib.Path) -> None:
    assert not DISGUISED.findall(CONSOLE.sub("", page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_command_is_one_that_a_shell_understands(page: pathlib.Path) -> None:
    for block in blocks(page):
        done = subprocess.run(["bash", "-n"], input=block.script, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_a_command_that_is_not_run_says_why() -> None:
    marked = [block for block in ALL if "Not run here" in block.text]
    assert marked
    assert not [block.text for block in marked if len((block.reason or "").split()) < 3]
