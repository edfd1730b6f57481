# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages point at exists, and every command on them is run or says why not; each page is in one of four parts."""

from __future__ import annotations

import collections
import functools
import pathlib
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from .collection import ROOT
from .commands import CONSOLE, PAGES, blocks


def mentioned(pattern: str) -> set[str]:
    """Return what ``pattern`` finds on all pages."""
    return {found for page in PAGES for found in re.findall(pattern, page.read_text(encoding="utf-8"))}


def test_every_playbook_that_a_command_names_exists() -> None:
    named = mentioned(r"ansible-playbook (?:[^\n`]*? )?nix\.fleet\.(\w+)")
    assert named > {"deploy", "rollback"}
    assert not [name for name in named if not (ROOT / f"playbooks/{name}.yml").is_file()]


@pytest.mark.parametrize("page", ["README.md", "docs/playbooks.md"])
def test_every_playbook_is_in_the_table_of_playbooks(page: str) -> None:
    told = "".join(re.findall(r"^\| .*", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert not [file.stem for file in (ROOT / "playbooks").glob("*.yml") if not re.search(rf"[`.]{file.stem}`", told)]


def test_every_target_of_make_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = mentioned(r"`make ([a-z-]+)") | mentioned(r"(?m)^make ([a-z-]+)(?=$|  )")
    assert named > {"demo", "docs", "test"}
    assert not [name for name in named if f"\n{name}:" not in makefile]


def test_every_variable_of_ours_that_is_named_exists() -> None:
    files = [file for room in ("roles", "playbooks", "plugins") for file in (ROOT / room).rglob("*.*")]
    program = "".join(file.read_text(encoding="utf-8") for file in files if file.suffix in {".py", ".yml"})
    named = mentioned(r"\b((?:deploy|rollback|keys|rollout)_[a-z_]*[a-z])\b")
    assert named > {"deploy_goal", "rollback_to"}
    assert not [name for name in named if not re.search(rf"\b{name}\b", program)]


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


VERSION = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def test_every_tarball_that_is_named_is_of_this_version() -> None:
    files = [*PAGES, *(path for path in (ROOT / "examples").rglob("*") if path.is_file())]
    named = {found for file in files for found in re.findall(r"nix-fleet-(\d[\d.]*\d)\.tar", file.read_text())}
    assert named == {VERSION}


def test_what_is_not_released_yet_is_of_a_version_that_was_not_released_either() -> None:
    released = yaml.safe_load((ROOT / "changelogs/changelog.yaml").read_text())["releases"]
    fragments = list((ROOT / "changelogs/fragments").glob("*.yml"))
    newest = max(released, key=numbers)
    assert numbers(VERSION) > numbers(newest) if fragments else newest == VERSION


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
