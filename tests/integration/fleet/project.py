# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's project, and Ansible run in it."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path

from .lab import PROJECT, ROOT, home

_RECAP = re.compile(r"^(?P<host>\S+)\s+: (?P<counts>ok=\d+.*)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Run:
    """A playbook's run that has ended."""

    rc: int
    output: str

    def counts(self, host: str) -> dict[str, int]:
        """Return what Ansible's own recap counts for a host."""
        for found in _RECAP.finditer(self.output):
            if found["host"] == host:
                return {name: int(count) for name, count in (each.split("=") for each in found["counts"].split())}
        raise AssertionError(f"{host} is not in the recap:\n{self.output}")

    def hosts(self, **wanted: int) -> set[str]:
        """Return the hosts with just these counts: ``hosts(failed=1)``."""
        names = [found["host"] for found in _RECAP.finditer(self.output)]
        return {name for name in names if wanted.items() <= self.counts(name).items()}

    @property
    def closing(self) -> str:
        """The last line that the summary printed."""
        return self.output.rstrip().splitlines()[-1]


@dataclasses.dataclass(frozen=True)
class Project:
    """A directory with an inventory, a flake and a playbook of its own."""

    root: Path
    # Where programs are found; by default, the tools of this clone first.
    path: str = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"

    @classmethod
    def copied_to(cls, directory: Path) -> Project:
        """Copy the example project, with what points it at the rehearsal fleet."""
        for part in PROJECT:
            source = home() / part
            if source.is_dir():
                shutil.copytree(source, directory / part)
            elif source.exists():
                shutil.copy2(source, directory / part)
        return cls(directory)

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that occurs once in a file."""
        path = self.root / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
        path.write_text(text.replace(old, new))

    def name_inputs(self) -> None:
        """Have the flake itself name the rehearsal fleet's inputs, where those that are put in their place do not count."""
        settings = self.root / "inventory/group_vars/all/lab.yml"
        flake = (self.root / "flake.nix").read_text()
        for name, url in re.findall(r'^  (\S+): "(path:[^"]*)"$', settings.read_text(), re.MULTILINE):
            flake = re.sub(f'"github:[^/]*/{name}/[^"]*"', f'"{url}"', flake)
        (self.root / "flake.nix").write_text(flake)
        settings.write_text(settings.read_text().partition("deploy_override_inputs:")[0])

    @property
    def environment(self) -> dict[str, str]:
        """What Ansible finds in its environment."""
        return {
            **os.environ,
            "ANSIBLE_CONFIG": str(self.root / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv" / "collections"),
            "ANSIBLE_NOCOLOR": "1",
            "COLUMNS": "100",
            "LC_ALL": "C.UTF-8",
            "PATH": self.path,
        }

    def start(self, playbook: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start a playbook of the collection, or of the project when it ends in ``.yml``, in a session of its own."""
        return subprocess.Popen(
            ["ansible-playbook", playbook, *arguments],
            cwd=self.root,
            env={**self.environment, **variables},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, playbook: str, *arguments: str) -> Run:
        """Run a playbook to its end."""
        return ended(self.start(playbook, *arguments))


def ended(process: subprocess.Popen[str]) -> Run:
    """Wait for a playbook and return how it ended."""
    output, _errors = process.communicate(timeout=600)
    return Run(process.returncode, output)
