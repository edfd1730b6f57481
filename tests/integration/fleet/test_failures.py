# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host's failure is that host's failure: the others are deployed, it stays whole, and the next run recovers."""

from __future__ import annotations

import secrets

import pytest

from .lab import running
from .project import Project

pytestmark = pytest.mark.usefixtures("deployed_once")

GREETING = 'greeting = "Hello";'


def changed_greeting(project: Project) -> None:
    """Make every web server's page, and so its system, another one."""
    project.edit("inventory/nodes.nix", GREETING, f'greeting = "{secrets.token_hex(4)}";')


def test_a_configuration_that_does_not_evaluate_stops_its_host_only(project: Project) -> None:
    changed_greeting(project)
    project.edit("inventory/nodes.nix", 'domains = [ "shop.example.org" ];', "domains = { };")
    before = running("vps-sg-2")
    run = project.run("deploy.yml", "-l", "vps")
    assert run.rc == 2
    assert run.hosts(failed=1) == {"vps-sg-2"}
    assert "1 failed" in run.closing
    assert "evaluation:" in run.output
    assert running("vps-sg-2") == before


def test_the_summary_says_why_and_what_next(project: Project) -> None:
    project.edit("inventory/nodes.nix", 'domains = [ "shop.example.org" ];', "domains = { };")
    run = project.run("deploy.yml", "-l", "vps-sg-2")
    report = run.output.partition("FLEET ***")[2]
    assert "evaluation:" in report
    assert "next:" in report
    assert max(map(len, report.splitlines()[1:])) <= 100


def test_a_host_of_no_nix_inventory_is_told_what_is_missing(project: Project) -> None:
    run = project.run("nix.fleet.deploy", "-i", "somewhere.example,")
    assert run.rc == 2
    assert "not a host of a Nix inventory: set nix_flake and nix_attr" in " ".join(run.output.split())
    assert "filter plugin" not in run.output
