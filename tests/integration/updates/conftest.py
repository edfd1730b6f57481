# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flake with two inputs, and playbooks that update them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import typing as t
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from ..evaluation.project import WITH_TOOLS, Project, Run
from .inputs import GIT, Repository

FLAKE = """{{
  inputs.one.url = "git+file://{root}/one";
  inputs.two.url = "git+file://{root}/two";
  outputs = {{ self, one, two }}: {{
    version = "${{one.version}}-${{two.version}}";
    host = derivation {{ name = "host-${{one.version}}"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo {root} >$out" ]; }};
    checks.x86_64-linux.version = derivation {{
      name = "version-${{one.version}}";
      system = "x86_64-linux";
      builder = "/bin/sh";
      args = [ "-c" "test ${{one.version}} != broken && echo {root} >$out" ];
    }};
  }};
}}"""


def input_flake(version: str) -> str:
    """Return a flake that says which version it is."""
    return f'{{ outputs = _: {{ version = "{version}"; }}; }}'


def nix(*arguments: str) -> None:
    """Run Nix, without which the fleet that other tests rehearse on has not been brought up."""
    command = ["nix", "--extra-experimental-features", "nix-command flakes", *arguments]
    subprocess.run(command, env={**os.environ, "PATH": WITH_TOOLS}, capture_output=True, check=True)


@dataclasses.dataclass(frozen=True)
class Flake:
    """A flake that is locked to the first version of its inputs, `one` and `two`."""

    project: Project
    repository: Repository
    one: Repository
    two: Repository

    def run(self, *arguments: str, **options: t.Any) -> Run:
        """Run the module on the controller."""
        return self.project.run("nix_flake", {"flake": str(self.repository.path), **options}, {"host": {}}, *arguments)

    def result(self, *arguments: str, **options: t.Any) -> dict[str, t.Any]:
        """Return what it says, of success or failure."""
        run = self.run(*arguments, **options)
        assert "host" in run.results, run.output
        return run.results["host"]

    @property
    def lock(self) -> str:
        return (self.repository.path / "flake.lock").read_text()


@pytest.fixture
def flake(tmp_path: Path) -> Iterator[Flake]:
    """Return a flake in a repository of its own, all of it committed."""
    with mock.patch.dict(os.environ, GIT):
        inputs = [Repository.made(tmp_path / name, flake=input_flake("1")) for name in ("one", "two")]
        repository = Repository.made(tmp_path / "fleet", flake=FLAKE.format(root=tmp_path))
        nix("flake", "lock", str(repository.path))
        repository.commit("lock")
        yield Flake(Project(tmp_path), repository, *inputs)
