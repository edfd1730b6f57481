# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command on the pages is one that a test runs (tests/integration/documentation), or says why none does."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest

from .collection import ROOT
from .commands import CONSOLE, PAGES, Block, blocks

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


def run_by_make_test() -> set[str]:
    """Return the targets of make that ``make test`` comes by, and the one that continuous integration closes with."""
    makefile = (ROOT / "Makefile").read_text()
    reached: set[str] = set()
    ahead = ["test", "lab-down", *re.findall(r"[a-z-]+", re.findall(r"(?m)^PARTS := (.*)$", makefile)[0])]
    while ahead:
        target = ahead.pop()
        if target not in reached:
            reached.add(target)
            rule = re.search(rf"^{target}:(.*)\n((?:\t.*\n)*)", makefile, flags=re.MULTILINE)
            assert rule is not None, target
            needed = re.findall(r"(?<=\s)[a-z-]+(?=\s|$)", rule[1].partition("##")[0])
            called = re.findall(r"\$\(MAKE\).* ([a-z-]+)", rule[2].partition("ARGS")[0])
            ahead += [found for found in needed + called if f"\n{found}:" in makefile]
    return reached


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_command_stands_where_a_test_finds_it(page: pathlib.Path) -> None:
    assert not DISGUISED.findall(CONSOLE.sub("", page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("block", ALL, ids=lambda block: f"{name(block.page)}-{block.script.split()[0]}")
def test_a_command_is_one_that_a_shell_understands(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_command_that_is_not_run_says_why() -> None:
    marked = [block for block in ALL if "Not run here" in block.text]
    assert marked
    assert not [block.text for block in marked if len((block.reason or "").split()) < 3]


def test_make_test_comes_by_its_parts_and_what_they_need() -> None:
    assert {"lint", "sanity", "lab", "molecule", "lab-down"} <= run_by_make_test()
    assert "bench" not in run_by_make_test()


def test_what_make_is_asked_for_is_part_of_make_test_or_run_by_a_test_or_says_why_not() -> None:
    # `make unit` is a part of `unit-all`; of `integration` and `faults` it has what stands for them; the demo has a test of its own.
    known = run_by_make_test() | {"unit", "integration", "faults", "demo"}
    assert not [
        (name(block.page), target)
        for block in ALL
        if not block.reason
        for target in block.targets
        if target not in known
    ]
