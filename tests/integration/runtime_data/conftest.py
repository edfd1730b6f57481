# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two web servers that read whom they answer from a file, and read it again when they are told to."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest

from ..fleet.lab import new_fleet
from ..fleet.project import Project, Run

# One is reached as root, the other by a login that may use sudo; homelab builds for both.
HOSTS = ("vps-sg-1", "vps-de-1")
RULES = "/var/lib/page/httpd.conf"
HTTPD = "${pkgs.busybox}/bin/httpd -f -p 80 -h ${site}"


@dataclasses.dataclass(frozen=True)
class Servers:
    """The project that the servers run."""

    project: Project

    def give(self, rules: str, *arguments: str, **service: t.Any) -> Run:
        """Run the playbook with rules for who may see the page."""
        file = {"path": RULES, "content": rules, "validate": "! grep -n nonsense %s"}
        page = {
            "files": [file],
            "reload": ["systemctl", "reload", "page"],
            "health": "curl --silent --fail http://127.0.0.1/",
            "health_within": 2,
            **service,
        }
        (self.project.root / "data.json").write_text(json.dumps({"runtime_data_services": {"page": page}}))
        return self.project.run("nix.fleet.runtime_data", "-l", ",".join(HOSTS), *arguments, "-e", "@data.json")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Servers:
    """Return the servers, deployed, with no rules yet."""
    new_fleet("homelab", *HOSTS)
    project = Project.copied_to(tmp_path_factory.mktemp("project"))
    reloading = f'''"{HTTPD} -c {RULES}";
    serviceConfig.ExecReload = "/bin/kill -HUP $MAINPID";
    serviceConfig.StateDirectory = "page";
    preStart = "touch {RULES}"'''
    project.edit("nix/roles/web.nix", f'"{HTTPD}"', reloading)
    run = project.run("nix.fleet.deploy", "-l", ",".join(HOSTS))
    assert run.rc == 0, run.output
    return Servers(project)
