# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real service takes its data without a new system, and keeps the old ones where the new are no good."""

from __future__ import annotations

import dataclasses
import json

import pytest

from ..fleet.lab import new_fleet, on, running
from ..fleet.project import Project, Run

# One is reached as root, the other by a login that may use sudo; homelab builds for both.
HOSTS = ("vps-sg-1", "vps-de-1")
RULES = "/var/lib/page/httpd.conf"
HTTPD = "${pkgs.busybox}/bin/httpd -f -p 80 -h ${site}"


@dataclasses.dataclass(frozen=True)
class Servers:
    """The project that the servers run."""

    project: Project

    def give(self, rules: str, *arguments: str) -> Run:
        """Run the playbook with rules for who may see the page."""
        file = {"path": RULES, "content": rules, "validate": "! grep -n nonsense %s"}
        page = {
            "files": [file],
            "reload": ["systemctl", "reload", "page"],
            "health": "curl --silent --fail http://127.0.0.1/",
            "health_within": 2,
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


# What the file of rules is, and what the server answers to a question from the machine itself and from elsewhere.
SEEN = "cat $1; for from in 127.0.0.1 127.0.0.2; do curl -s -o /dev/null -w '%{http_code} ' --interface $from http://127.0.0.1/; done"


def seen(host: str) -> list[str]:
    """Return the rules in place, and the answers that the service gives by those that it has loaded."""
    *rules, answers = on(host, SEEN, RULES).splitlines()
    return [*rules, answers.strip()]


def process(host: str) -> str:
    """Return what tells the service from one that was started anew, and the system that the host runs."""
    started = on(host, "systemctl show --property=MainPID,ExecMainStartTimestampMonotonic page")
    return f"{started} {running(host)}"


def test_a_service_lives_with_its_data_from_day_to_day(servers: Servers) -> None:
    before = {host: process(host) for host in HOSTS}

    checked = servers.give("A:127.0.0.1\nD:*\n", "--check", "--diff")
    assert checked.rc == 0, checked.output
    assert checked.hosts(changed=1) == {*HOSTS}
    assert "+A:127.0.0.1" in checked.output
    assert seen("vps-sg-1") == ["200 200"]

    given = servers.give("A:127.0.0.1\nD:*\n")
    assert given.rc == 0, given.output
    assert given.hosts(changed=1) == {*HOSTS}
    again = servers.give("A:127.0.0.1\nD:*\n")
    assert again.hosts(changed=0) == {*HOSTS}
    for host in HOSTS:
        assert seen(host) == ["A:127.0.0.1", "D:*", "200 403"]

    # With these, the service answers nobody.
    locked = servers.give("D:*\n", "--diff")
    assert locked.hosts(failed=1) == {*HOSTS}
    assert "is not healthy with the new files" in locked.output
    invalid = servers.give("nonsense\n", "-l", "vps-sg-1")
    assert invalid.hosts(failed=1) == {"vps-sg-1"}
    assert "1:nonsense" in invalid.output
    for host in HOSTS:
        assert seen(host) == ["A:127.0.0.1", "D:*", "200 403"]
        assert on(host, "ls -A $1", RULES.rpartition("/")[0]) == "httpd.conf"
    # All of it by the process that was there before, and without a new generation.
    assert {host: process(host) for host in HOSTS} == before
