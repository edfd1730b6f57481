# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One inventory, one playbook, the whole fleet."""

from __future__ import annotations

import re
import secrets

import pytest

from .changes import change_everything
from .lab import HOSTS, NIXOS, ROOT, on, running
from .project import Project

GREETING = 'greeting = "Hello";'


def test_what_was_deployed_is_what_runs_and_what_boots(deployed: Project) -> None:
    for host in NIXOS:
        now = running(host)
        assert now.system == now.default
        assert host in now.system


def test_deploying_again_changes_nothing(deployed: Project) -> None:
    before = {host: running(host) for host in NIXOS}
    run = deployed.run("deploy.yml")
    assert run.rc == 0, run.output
    assert run.hosts(changed=0) == set(HOSTS)
    assert run.closing.startswith("7 hosts: 7 unchanged")
    assert {host: running(host) for host in NIXOS} == before


def test_an_edit_of_the_inventory_deploys_just_what_it_changes(deployed: Project) -> None:
    name = f"edit-{secrets.token_hex(4)}.example"
    deployed.edit("inventory/nodes.nix", '"shop.example.org"', f'"{name}"')
    run = deployed.run("deploy.yml")
    assert run.rc == 0, run.output
    assert run.hosts(changed=0) == set(HOSTS) - {"vps-sg-2"}
    assert name in page("vps-sg-2")


@pytest.mark.wide
def test_the_play_of_the_page_on_stages_does_the_user_s_task_between_two_stages(deployed: Project) -> None:
    (play,) = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs/stages.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    between = play.replace("touch /run/maintenance", "readlink -f /run/current-system >/run/maintenance")
    (deployed.root / "deploy.yml").write_text(between.replace("rm /run/maintenance", "mv /run/maintenance /run/was"))
    deployed.name_inputs()
    change_everything(deployed)
    before = running("vps-sg-1")
    run = deployed.run("deploy.yml", "-l", "vps-sg-1")
    assert run.rc == 0, run.output
    assert on("vps-sg-1", "cat /run/was") == before.system
    assert running("vps-sg-1").system != before.system
    again = deployed.run("deploy.yml", "-l", "vps-sg-1")
    assert again.counts("vps-sg-1")["changed"] == 0, again.output


def test_check_mode_writes_nothing_on_a_target(deployed: Project) -> None:
    change_everything(deployed)
    before = {host: contents(host) for host in HOSTS}
    run = deployed.run("deploy.yml", "--check", "--diff")
    assert run.rc == 0, run.output
    assert run.closing.startswith("7 hosts: 7 would change")
    # What homelab builds for others is in its store; a host that builds for itself may not even do that.
    assert {host: contents(host) for host in HOSTS[1:]} == {host: before[host] for host in HOSTS[1:]}
    assert "rebuilt: " in run.output


def test_the_goal_build_touches_no_target(servers: Project) -> None:
    servers.edit("inventory/nodes.nix", GREETING, f'greeting = "{secrets.token_hex(4)}";')
    before = contents("vps-sg-1")
    run = servers.run("nix.fleet.build", "-l", "vps-sg-1")
    assert run.rc == 0, run.output
    assert run.closing.startswith("1 host: 1 built")
    assert contents("vps-sg-1") == before


def test_the_goal_boot_waits_for_a_reboot(servers: Project) -> None:
    servers.edit("inventory/nodes.nix", GREETING, f'greeting = "{secrets.token_hex(4)}";')
    before = running("vps-sg-1")
    run = servers.run("deploy.yml", "-l", "vps-sg-1", "-e", "deploy_goal=boot")
    assert run.rc == 0, run.output
    after = running("vps-sg-1")
    assert after.system == before.system
    assert after.default != before.default


def page(host: str) -> str:
    """Return the page that a web server serves."""
    return on(host, "curl -fsS --retry 5 --retry-connrefused http://127.0.0.1/")


def contents(host: str) -> str:
    """Return everything on a host that a deployment could write: store, profiles, /etc, the running system."""
    return on(
        host,
        "ls /nix/store; ls -l /nix/var/nix/profiles /nix/var/nix/gcroots; readlink /run/current-system; ls -lR /etc/static;"
        "find /home /root /Users /data -name nix.fleet -exec ls -lR {} + || true",
    )
