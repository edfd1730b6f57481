# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare repository for a fleet's branches, and clones of it."""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import yaml

from ..fleet.project import Project, Run
from ..updates.inputs import GIT, Repository

FLAKE = """{{
  outputs = _: builtins.mapAttrs (name: script: derivation {{
    inherit name;
    system = "x86_64-linux";
    builder = "/bin/sh";
    args = [ "-c" script ];
    salt = "{salt}";
  }}) {{ web = "echo >$out"; mail = "{mail}"; }};
}}"""


@dataclasses.dataclass(frozen=True)
class Clone:
    """A clone of the fleet's repository, and the inventory of its two hosts."""

    work: Repository
    server: Repository

    @classmethod
    def made(cls, path: Path, server: Repository) -> Clone:
        server.git("clone", "--quiet", str(server.path), str(path / "work"))
        hosts = {name: {"nix_flake": str(path / "work"), "nix_attr": name} for name in ("web", "mail")}
        (path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
        (path / "ansible.cfg").write_text("[defaults]\ninventory = hosts.yml\n")
        return cls(Repository(path / "work"), server)

    def commit(self, mail: str = "echo >$out") -> str:
        return self.work.commit("change", flake=FLAKE.format(salt=os.urandom(4).hex(), mail=mail))

    def channel(self, *arguments: str, **variables: t.Any) -> Run:
        return Project(self.work.path.parent).run("nix.fleet.channel", *arguments, "-e", json.dumps(variables))

    @property
    def branches(self) -> dict[str, str]:
        lines = self.server.git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads/nixos-tested-*")
        return dict(line.split() for line in lines.splitlines())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Repository]:
    """Return a repository as a forge has it, with a commit that all clones begin with."""
    with mock.patch.dict(os.environ, GIT):
        server = Repository(tmp_path / "server")
        server.path.mkdir()
        server.git("init", "--quiet", "--bare", "--initial-branch=main")
        first = Repository.made(tmp_path / "first", flake=FLAKE.format(salt="", mail="echo >$out"))
        first.git("push", "--quiet", str(server.path), "main")
        yield server


@pytest.fixture
def clone(tmp_path: Path, server: Repository) -> Clone:
    (tmp_path / "one").mkdir()
    return Clone.made(tmp_path / "one", server)
