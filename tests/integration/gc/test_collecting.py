# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Old generations go and their garbage with them, on every platform, and what is needed stays. The tests go on from each other."""

from __future__ import annotations

import dataclasses
import json
import os
import typing as t
from unittest import mock

import pytest

from ..fleet.changes import change_everything
from ..fleet.lab import SYSTEM, lab, new_fleet, on, running
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


HOST = "vps-sg-1"
# Of the server, the first was booted; of each, the last but one is what its last deployment returns to.
GOING = {"vps-sg-1": [2], "workstation": [1], "macbook": [1], "phone": [1]}
ENTRIES = "cd /boot/loader/entries && echo *"
# A path of twenty megabytes that nothing needs.
LITTER = """
PATH=$PATH:/opt/nix/bin
head -c 20971520 /dev/urandom >/root/litter && nix-store --add /root/litter && rm /root/litter
"""


@pytest.fixture(scope="module", autouse=True)
def before(fleet: Fleet) -> dict[str, list[int]]:
    """Return the generations that there were before anything was collected."""
    return {host: generations(host) for host in PROFILES}


def test_on_every_platform_generations_go_and_what_is_needed_stays(fleet: Fleet, before: dict[str, list[int]]) -> None:
    current_state = {host: running(host) for host in ("vps-sg-1", "macbook")}
    closure = on(HOST, f"readlink {SYSTEM}-2-link")
    collected = fleet.collect()
    assert collected.run.rc == 0, collected.run.output
    assert collected.deleted == GOING
    assert {host: generations(host) for host in PROFILES} == {
        host: [number for number in before[host] if number not in GOING[host]] for host in PROFILES
    }
    assert current_state == {host: running(host) for host in current_state}
    for host in PROFILES:
        assert collected[host]["deleted_paths"] > 0, collected[host]
    assert on(HOST, 'test -e "$1" || echo gone', closure) == "gone"
    assert collected[HOST]["boot_entries_refreshed"]
    assert on(HOST, ENTRIES).split() == [f"nixos-generation-{number}.conf" for number in (1, 3, 4)]
    assert lab("boots", HOST).strip() == current_state[HOST].default


def test_the_way_back_is_still_there(fleet: Fleet) -> None:
    run = fleet.project.run("nix.fleet.rollback", "-l", HOST)
    assert run.rc == 0, run.output
    assert running(HOST).generation == 3


def test_a_full_disk_gets_room_and_no_more_than_was_asked_for(fleet: Fleet) -> None:
    for _time in range(3):
        on(HOST, LITTER)
    lab("fill-disk", HOST)
    try:
        collected = fleet.collect("-l", HOST, gc_free_space="16M")
        assert collected.run.rc == 0, collected.run.output
        assert collected.run.hosts(changed=1) == {HOST}
        assert 16 << 20 <= collected[HOST]["freed_bytes"] < 60 << 20
        assert fleet.collect("-l", HOST, gc_free_space="16M").run.hosts(changed=0) == {HOST}
    finally:
        lab("free-disk", HOST)
