# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rehearsal fleet of a host a platform, each of which has been deployed to a few times."""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t
from unittest import mock

import pytest

from ..fleet.changes import change_everything
from ..fleet.lab import SYSTEM, lab, new_fleet, on
from ..fleet.project import Project, Run

PROFILES = {
    "vps-sg-1": SYSTEM,
    "workstation": "/home/alice/.local/state/nix/profiles/home-manager",
    "macbook": SYSTEM,
    "phone": "/nix/var/nix/profiles/nix-on-droid",
}


@dataclasses.dataclass(frozen=True)
class Collected:
    """A run of the playbook, and what the report has of each host's collection."""

    run: Run
    results: dict[str, dict[str, t.Any]]

    @property
    def deleted(self) -> dict[str, list[int]]:
        """The numbers of the generations that went, or would go, by host."""
        return {host: [each["number"] for each in self[host]["deleted_generations"]] for host in self.results}

    def __getitem__(self, host: str) -> dict[str, t.Any]:
        return self.results[host]


@dataclasses.dataclass(frozen=True)
class Fleet:
    """The project that the hosts run."""

    project: Project

    def deploy(self, *hosts: str) -> None:
        """Give each of the hosts a further generation."""
        change_everything(self.project)
        run = self.project.run("nix.fleet.deploy", "-l", ",".join(hosts or PROFILES))
        assert run.rc == 0, run.output

    def collect(self, *arguments: str, **variables: t.Any) -> Collected:
        """Collect garbage by the playbook; by itself it keeps no more than one generation."""
        report = self.project.root / "report.json"
        given = {"gc_keep_generations": 1, "gc_keep_for": "", **variables}
        with mock.patch.dict(os.environ, {"NIX_FLEET_REPORT": str(report)}):
            run = self.project.run("nix.fleet.gc", "-l", ",".join(PROFILES), *arguments, "-e", json.dumps(given))
        hosts = json.loads(report.read_text())["hosts"]
        return Collected(run, {host["host"]: host["stages"][0].get("result", {}) for host in hosts})


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Return a fleet of three generations; the server has a fourth, and was booted with the first."""
    new_fleet("homelab", *PROFILES)  # homelab builds for the server
    fleet = Fleet(Project.copied_to(tmp_path_factory.mktemp("project")))
    fleet.deploy()
    lab("reboot", "vps-sg-1")
    fleet.deploy()
    fleet.deploy()
    fleet.deploy("vps-sg-1")
    return fleet


def generations(host: str) -> list[int]:
    """Return the numbers of the generations that a host has."""
    return sorted(int(link.split("-")[-2]) for link in on(host, 'ls -d "$1"-*-link', PROFILES[host]).split())
