# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the pages do what a reader expects: they succeed, in the order of the pages, on the rehearsal fleet."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import typing as t

import pytest

from ansible_collections.nix.fleet.tests.unit.documentation.commands import PAGES, Block, blocks

from ..fleet.changes import change_everything
from ..fleet.lab import HOSTS, ROOT, home, new_fleet
from ..fleet.project import Project

# docs/molecule.md has a test of its own (tests/integration/molecule), since its reader has no clone.
# Those of docs/migrate are followed from the flake of another tool on (tests/integration/migrate).
ELSEWHERE = {"docs/molecule.md", *(f"docs/migrate/{tool}.md" for tool in ("colmena", "deploy-rs", "nixos-rebuild"))}
# The first that a new reader comes to; then those that make generations, and last who removes them.
FIRST = ["docs/quick-start.md", "README.md"]
LAST = ["docs/garbage-collection.md", "tests/lab/README.md"]
# What a page asks its reader to have written before.
WRITTEN = {
    "docs/semaphore.md": {"semaphore.yml": "semaphore_repository_url: https://git.example/fleet.git\n"},
    "docs/privilege.md": {".deploy-pass": "of the Mac"},
}
CHANGE = ('domains = [ "www.example.org" ];', 'domains = [ "www.example.org" "example.org" ];')


def name(page: pathlib.Path) -> str:
    return str(page.relative_to(ROOT))


def in_order() -> list[pathlib.Path]:
    """Return the pages with commands for the fleet."""
    pages = {name(page): page for page in PAGES if any(to_run(block) for block in blocks(page))}
    middle = [page for page in pages if page not in {*FIRST, *LAST, *ELSEWHERE}]
    return [pages[page] for page in [*FIRST, *middle, *LAST] if page in pages]


def to_run(block: Block) -> str:
    """Return what of a block is run here: all but targets of make, which are parts of `make test` or have a test."""
    if block.reason:
        return ""
    return "\n".join(line for line in block.script.splitlines() if not line.startswith("make "))


class Reader:
    """Somebody with a clone of the repository, and the hosts that they think are theirs."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.clone, self.home, programs = directory / "clone", directory / "home", directory / "bin"
        self.home.mkdir()
        programs.mkdir()
        subprocess.run(["tests/run/export", str(self.clone)], cwd=ROOT, check=True)
        shutil.rmtree(self.clone / "inventory")
        shutil.copytree(home() / "inventory", self.clone / "inventory")
        (self.clone / ".venv").symlink_to(ROOT / ".venv")
        # Nothing but where the machines are: they are asked for their keys like any other.
        (programs / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F "{home()}/.lab/ssh_config" "$@"\n')
        (programs / "ssh").chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{programs}:{ROOT}/.venv/bin:{os.environ['PATH']}",
            "HOME": str(self.home),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or f"{os.environ['HOME']}/.cache",
            "ANSIBLE_CONFIG": str(self.clone / "ansible.cfg"),
            "LC_ALL": "C.UTF-8",
            "NIX_FLEET_REPORT": str(self.clone / "report.json"),
            "NIX_FLEET_REPORT_MARKDOWN": str(self.clone / "summary.md"),
            "GITHUB_STEP_SUMMARY": str(self.clone / "job.md"),
        }

    def types(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.clone,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        return done.stdout

    def deploys_a_change(self) -> None:
        """Have a generation before the one that each machine runs."""
        change_everything(Project(self.clone))
        self.types("ansible-playbook deploy.yml")

    def edits(self) -> None:
        """Do what the quick start proposes."""
        file = self.clone / "inventory/nodes.nix"
        text = file.read_text()
        assert text.count(CHANGE[0]) == 1
        file.write_text(text.replace(*CHANGE))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Reader]:
    """Return a reader whose fleet has been deployed as it is written down, and who has changed one machine since."""
    new_fleet(*HOSTS)
    reader = Reader(tmp_path_factory.mktemp("reader"))
    reader.types("ansible-playbook deploy.yml")
    reader.edits()
    yield reader
    subprocess.run([reader.clone / "tests/lab/lab", "down"], capture_output=True, check=False)


@pytest.mark.thorough
@pytest.mark.parametrize("page", in_order(), ids=name)
def test_the_commands_of_a_page_succeed(page: pathlib.Path, reader: Reader) -> None:
    for file, text in WRITTEN.get(name(page), {}).items():
        place = reader.home if file.startswith(".") else reader.clone
        (place / file).write_text(text)
    scripts = [script for block in blocks(page) if (script := to_run(block))]
    if any("nix.fleet.rollback" in script for script in scripts):
        reader.deploys_a_change()
    for script in scripts:
        reader.types(script)


@pytest.mark.thorough
def test_the_demo_ends_as_the_quick_start_says() -> None:
    done = subprocess.run(["make", "demo"], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"After \d+ s vps-sg-2 runs what it ran before", done.stdout)
