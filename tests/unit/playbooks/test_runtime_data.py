# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services are given their data, where not all of them are to be."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest

from ..playbook import run_playbook

pytestmark = [pytest.mark.slow, pytest.mark.versions]


# What each host is told of the services to see to, and which of them those are.
ASKED: dict[str, tuple[t.Any, list[str]]] = {
    "none": ([], ["web", "web-admin"]),
    "empty": ("", ["web", "web-admin"]),
    "one": ("web", ["web"]),
    "commas": ("mail, web-admin", ["web-admin"]),
    "names": (["web", "web-admin"], ["web", "web-admin"]),
    "another": ("mail", []),
}


def test_services_are_chosen_by_their_whole_names(tmp_path: Path) -> None:
    services = {name: {"files": [{"path": str(tmp_path / name), "content": "data"}]} for name in ("web", "web-admin")}
    inventory = {"all": {"hosts": {host: {"runtime_data_only": only} for host, (only, _given) in ASKED.items()}}}
    (tmp_path / "hosts.yml").write_text(json.dumps(inventory))
    variables = json.dumps({"runtime_data_services": services})
    done = run_playbook(
        *("nix.fleet.runtime_data", "-i", "hosts.yml", "-c", "local", "-e", variables, "--check"), cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    given: dict[str, list[str]] = {host: [] for host in ASKED}
    for host, service in re.findall(r"^changed: \[(.*?)\] => \(item=(.*?)\)", done.stdout, re.MULTILINE):
        given[host].append(service)
    assert given == {host: given for host, (_only, given) in ASKED.items()}
