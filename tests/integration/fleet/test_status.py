# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at the fleet."""

from __future__ import annotations

import json
import os
import re
from unittest import mock

import pytest

from ..updates.inputs import Repository
from .changes import change_everything
from .lab import HOSTS, cut, on, running
from .project import Project, Run


def test_status_shows_an_unreachable_host_among_the_others(deployed: Project) -> None:
    with cut("vps-sg-2"):
        run = deployed.run("nix.fleet.status")
    assert run.hosts(unreachable=1) == {"vps-sg-2"}
    assert run.hosts(failed=0, unreachable=0) == set(HOSTS) - {"vps-sg-2"}
    assert run.closing.startswith("7 hosts: 6 ok, 1 unreachable")


def test_status_tells_what_somebody_else_has_changed_what_has_failed_and_how_far_a_host_is_behind(
    servers: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    change_everything(servers)
    work = Repository.made(servers.root)
    assert servers.run("nix.fleet.deploy", "-l", "vps").rc == 0
    revision = work.git("rev-parse", "HEAD")
    work.commit("newer")
    on(
        "vps-sg-1",
        "nix-env -p /nix/var/nix/profiles/system --rollback && /nix/var/nix/profiles/system/bin/switch-to-configuration switch",
    )
    on("vps-sg-2", "systemd-run --unit=broken --property=Type=oneshot false || :; systemctl is-failed broken || :")

    directory = tmp_path_factory.mktemp("reports")
    reports = {"NIX_FLEET_REPORT": str(directory / "r.json"), "NIX_FLEET_REPORT_MARKDOWN": str(directory / "r.md")}
    with mock.patch.dict(os.environ, reports):
        run = servers.run("nix.fleet.status", "-l", "vps")
    assert run.rc == 0, run.output
    hosts = {
        host["host"]: host["stages"][0]["result"] for host in json.loads((directory / "r.json").read_text())["hosts"]
    }
    assert states(run) == {
        "vps-sg-1": "drifted",
        "vps-sg-2": "failed",
        "vps-de-1": "behind",
    }
    assert hosts["vps-sg-1"]["drift"]["found"] == running("vps-sg-1").system
    assert hosts["vps-sg-2"]["units_failed"] == ["broken.service"]
    behind = hosts["vps-de-1"]["revision"]
    assert (behind["deployed"], behind["behind"], behind["ahead"]) == (revision, 1, 0)
    page = (directory / "r.md").read_text()
    assert "drifted" in page
    assert "1 commit behind" in page


def states(run: Run) -> dict[str, str]:
    """Return each host's state from the table at the end."""
    table = run.output.rpartition("FLEET ")[2].splitlines()
    rows = (re.split(r"\s{2,}", line) for line in table if line.startswith("vps-"))
    return {row[0]: row[1] for row in rows}
