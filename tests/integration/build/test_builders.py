# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote builders: those that are there build, and nobody waits for the others."""

from __future__ import annotations

import contextlib
import json
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..evaluation.project import Project
from ..fleet.lab import home, lab, new_fleet

# Whoever builds it leaves its name. Nothing else can know it.
OUTPUTS = """{
  who = mk "who" "read name </etc/hostname; echo $name >$out";
  other = mk "other" "read name </etc/hostname; echo $name >$out";
}"""
UP, FROZEN, CUT = "ssh-ng://homelab", "ssh-ng://vps-sg-1", "ssh-ng://vps-sg-2"
BUILDERS = [f"{store} x86_64-linux - 4" for store in (UP, FROZEN, CUT)]


class WithBuilders(Project):
    """A project whose Nix finds the way to the rehearsal fleet's hosts."""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "NIX_SSHOPTS": f"-F {home()}/.lab/ssh_config"}


@pytest.fixture(scope="module", autouse=True)
def _fleet() -> None:
    new_fleet("homelab", "vps-sg-1", "vps-sg-2")


@pytest.fixture
def building(project: Project) -> WithBuilders:
    made = WithBuilders(project.directory)
    made.write_flake(OUTPUTS)
    return made


@contextlib.contextmanager
def ill(*, frozen: t.Sequence[str] = (), cut: t.Sequence[str] = ()) -> Iterator[None]:
    """Have hosts hang, and lines carry nothing."""
    try:
        for order, hosts in (("freeze", frozen), ("cut", cut)):
            if hosts:
                lab(order, *hosts)
        yield
    finally:
        for order, hosts in (("thaw", frozen), ("heal", cut)):
            if hosts:
                lab(order, *hosts)


def options(building: Project, attribute: str = "who", **more: t.Any) -> dict[str, t.Any]:
    return {
        "installables": [f"path:{building.flake}#{attribute}"],
        "nix_options": {"max-jobs": 0},
        **more,
    }


def logins(host: str) -> int:
    return sum(row["line"]["accepted"] for row in json.loads(lab("status", "--json")) if row["name"] == host)


def built_by(result: dict[str, t.Any]) -> str:
    return Path(result["out_path"]).read_text(encoding="utf-8").strip()


def test_a_build_goes_on_with_the_builders_that_are_there(building: WithBuilders) -> None:
    hosts: dict[str, dict[str, t.Any]] = {"web": {}, "db": {}}
    with ill(frozen=["vps-sg-1"], cut=["vps-sg-2"]):
        run = building.run("nix_build", options(building, remote_builders=BUILDERS), hosts)
        assert run.rc == 0, run.output
        results = list(run.results.values())
        assert {built_by(result) for result in results} == {"homelab"}
        expected = [f"the builder {store} is left out: it has not answered within 5 s" for store in (FROZEN, CUT)]
        assert [result["warnings"] for result in results] == [expected, expected]
        # What is there already is no reason to ask anybody.
        before = logins("homelab")
        again = building.run("nix_build", options(building, remote_builders=BUILDERS), {"web": {}})
        assert not again.results["web"]["changed"], again.output
        assert "warnings" not in again.results["web"]
        assert logins("homelab") == before
