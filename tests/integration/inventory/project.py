# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory with an inventory, and the real `ansible-inventory` run in it."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[3]
FLEETS = pathlib.Path(__file__).parent / "fleets"
STANDINS = ROOT / "tests" / "lab" / "standins"
TOOLS = pathlib.Path(sys.executable).parent

SETTINGS = """
[defaults]
collections_path = {collections}
"""
# As the collection ships them.
SETTINGS_OF_INVENTORIES = (ROOT / "ansible.cfg").read_text(encoding="utf-8").partition("[inventory]")

# Says that it was called, and for what, and is Nix.
COUNTING = """#!/bin/sh
for word; do
    case $word in
    eval) echo eval >>{log} ;;
    metadata) echo metadata >>{log} ;;
    esac
done
exec nix "$@"
"""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A run of `ansible-inventory` that has ended."""

    rc: int
    stdout: str
    stderr: str


@dataclasses.dataclass(frozen=True)
class Refusal:
    """What was said of an inventory that was not loaded. Until ansible-core 2.18 Ansible folds it, also within words."""

    text: str

    def __contains__(self, words: str) -> bool:
        return "".join(words.split()) in "".join(self.text.split())


@dataclasses.dataclass(frozen=True)
class Project:
    """A user's directory."""

    directory: pathlib.Path

    def take(self, fleet: str) -> Project:
        """Copy one of the fleets that are kept beside the tests."""
        shutil.copytree(FLEETS / fleet, self.directory, dirs_exist_ok=True)
        return self

    def write(self, name: str, text: str) -> pathlib.Path:
        """Write a file, long enough ago that the next load may trust its time."""
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        time.sleep(0.05)
        return file

    def options(self, **options: t.Any) -> None:
        """Write the inventory file; JSON is YAML."""
        self.write("fleet.nix.yml", json.dumps({"plugin": "nix.fleet.nix_inventory", **options}))

    def run(self, *arguments: str, program: str = "ansible-inventory", **environment: str) -> Outcome:
        """Run `ansible-inventory`, or another of Ansible's programs."""
        settings = self.directory.parent / "ansible.cfg"
        own = SETTINGS.format(collections=ROOT / ".venv" / "collections")
        settings.write_text(own + "".join(SETTINGS_OF_INVENTORIES[1:]), encoding="utf-8")
        done = subprocess.run(
            [str(TOOLS / program), "-i", "fleet.nix.yml", *arguments],
            cwd=self.directory,
            env={
                "PATH": os.pathsep.join((str(TOOLS), str(ROOT / ".venv" / "bin"), os.environ["PATH"])),
                "HOME": str(self.directory.parent),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_CONFIG": str(settings),
                "ANSIBLE_NOCOLOR": "1",
                **{name: value for name, value in os.environ.items() if name.startswith("NIX_")},
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def load(self, *arguments: str) -> dict[str, t.Any]:
        """Return what `ansible-inventory --list` says, which must succeed and warn of nothing."""
        outcome = self.run("--list", *arguments)
        assert outcome.rc == 0, outcome.stderr
        assert "[WARNING]" not in outcome.stderr, outcome.stderr
        listed: dict[str, t.Any] = json.loads(outcome.stdout)
        return listed

    def hosts(self, *arguments: str) -> dict[str, dict[str, t.Any]]:
        """Return the variables of each host."""
        variables: dict[str, dict[str, t.Any]] = self.load(*arguments)["_meta"]["hostvars"]
        return variables

    def refusal(self, **environment: str) -> Refusal:
        """Return the message with which the inventory is refused, once and without a traceback."""
        outcome = self.run("--list", **environment)
        assert outcome.rc != 0
        assert "Traceback" not in outcome.stderr
        assert outcome.stderr.count("ERROR") == 1, outcome.stderr
        assert "[WARNING]" not in outcome.stderr
        assert '"ansible_host"' not in outcome.stdout
        return Refusal(outcome.stderr)

    @property
    def log(self) -> pathlib.Path:
        """Where the calls of Nix are counted: not in the directory, which may be a flake and would change."""
        return self.directory.parent / "calls"

    def counting(self) -> str:
        """Return a program that is Nix and counts its calls."""
        program = self.write("../counting-nix", COUNTING.format(log=self.log))
        program.chmod(0o755)
        return str(program)

    def calls(self) -> list[str]:
        """Return the calls of Nix since the last time."""
        calls = self.log.read_text(encoding="utf-8").split() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return calls


def nixpkgs(directory: pathlib.Path) -> str:
    """Return a flake that stands in for nixpkgs where a hive is evaluated."""
    target = directory / "nixpkgs"
    shutil.copytree(FLEETS / "nixpkgs", target, dirs_exist_ok=True)
    shutil.copytree(STANDINS / "nixpkgs" / "lib", target / "lib", dirs_exist_ok=True)
    return f"path:{target}"


def unmarked(value: t.Any) -> t.Any:
    """Return ``value`` without the marks that `ansible-inventory` puts around text that looks like a template."""
    if isinstance(value, dict):
        return value.get("__ansible_unsafe") or {name: unmarked(item) for name, item in value.items()}
    return [unmarked(item) for item in value] if isinstance(value, list) else value
