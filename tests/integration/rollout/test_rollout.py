# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bad change stops at the canaries or soon after, and an offline host stops nobody."""

from __future__ import annotations

import json
import secrets
import time
import typing as t

import pytest

from ..fleet.lab import NIXOS, Running, home, lab, running
from ..fleet.project import Project, Run

REST = tuple(host for host in NIXOS if host != "homelab")
ONE_BY_ONE = {"rollout_batches": [1]}
OLD = 'time.timeZone = "UTC";'


def change(project: Project, *broken: str) -> None:
    """Give every NixOS host a new system; those of ``broken`` fail to activate it."""
    names = " ".join(f'"{name}"' for name in broken)
    script = f'if builtins.elem node.name [ {names} ] then "echo {secrets.token_hex(4)}; false" else "true"'
    project.edit(
        "nix/platforms/nixos.nix",
        OLD,
        f'{OLD} environment.etc.rollout.text = "{secrets.token_hex(4)}"; '
        f"system.activationScripts.rollout.text = {script};",
    )


def roll_out(project: Project, **variables: t.Any) -> Run:
    return project.run("nix.fleet.rollout", "-l", ",".join(NIXOS), "-e", json.dumps(variables))


def state() -> dict[str, Running]:
    return {host: running(host) for host in NIXOS}


def changed(before: dict[str, Running]) -> set[str]:
    return {host for host, now in state().items() if now.system != before[host].system}


def summary(run: Run) -> dict[str, str]:
    """Return each host's row of the closing table."""
    rows = [line.split(None, 1) for line in run.output.partition("FLEET ***")[2].splitlines()]
    return {row[0]: row[1] for row in rows if row and row[0] in NIXOS}


def test_the_canary_goes_first_and_everyone_follows(project: Project) -> None:
    before = state()
    change(project)
    run = roll_out(project)
    assert run.rc == 0, run.output
    assert changed(before) == set(NIXOS)
    canaries, *batches = run.output.split("PLAY [Roll out ")[1:]
    assert "[homelab]" in canaries
    assert not [host for host in REST if f"[{host}" in canaries]
    assert len(batches) == 3, "a host, half of the hosts, the rest"
    assert "[WARNING]" not in run.output


def test_when_the_canary_fails_nobody_else_is_touched(project: Project) -> None:
    before = state()
    change(project, "homelab")
    run = roll_out(project)
    assert run.rc == 2
    assert state() == before
    assert run.hosts(failed=1) == {"homelab"}
    assert set(summary(run)) == {"homelab"}
    assert summary(run)["homelab"].startswith("rolled back")


def test_a_canary_that_cannot_be_reached_has_tried_nothing_for_the_others(project: Project) -> None:
    before = state()
    change(project)
    lab("cut", "--reset", "homelab")
    try:
        run = roll_out(project, deploy_ignore_unreachable=True)
    finally:
        lab("heal", "homelab")
    assert run.rc == 4, run.output
    assert changed(before) == set()


def test_after_one_too_many_the_rest_is_left_alone(project: Project) -> None:
    before = state()
    change(project, "vps-de-1")
    run = roll_out(project, **ONE_BY_ONE, rollout_max_fail_percentage=33)
    assert run.rc == 2
    assert changed(before) == {"homelab"}
    assert set(summary(run)) == {"homelab", "vps-de-1"}


def test_what_was_deployed_can_be_undone(project: Project) -> None:
    before = state()
    change(project, "vps-de-1")
    run = roll_out(project, **ONE_BY_ONE, rollout_undo=True)
    assert run.rc == 2
    assert changed(before) == set()
    rows = summary(run)
    assert rows["homelab"].startswith("undone")
    assert rows["vps-de-1"].startswith("rolled back")
    assert set(rows) == {"homelab", "vps-de-1"}
    assert run.hosts(failed=1) == {"vps-de-1"}
    assert state()["homelab"].generation == before["homelab"].generation


# A machine that is not there, in the place of the host's.
LOST = """
- name: Ask the queue
  ansible.builtin.raw: "true"
  vars:
    ansible_host: 127.0.0.1
    ansible_port: 9
    ansible_ssh_common_args: "-o HostName=127.0.0.1 -o ControlPath=none"
  when: inventory_hostname == 'vps-sg-1'
"""


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("playbook", "variables"),
    [("nix.fleet.rollout", {"rollout_batches": ["100%"]}), ("nix.fleet.deploy", {"deploy_ignore_unreachable": True})],
)
def test_a_host_whose_check_could_not_be_made_does_not_stay_on_the_new_system(
    project: Project, playbook: str, variables: dict[str, t.Any]
) -> None:
    (project.root / "lost.yml").write_text(LOST)
    before = state()
    change(project)
    variables = {"deploy_health_tasks": "lost.yml", "deploy_confirm_timeout": 15, **variables}
    run = project.run(playbook, "-l", "vps-sg-1,vps-de-1", "-e", json.dumps(variables))
    assert run.rc == 4, run.output
    assert run.hosts(unreachable=1) == {"vps-sg-1"}
    assert summary(run)["vps-sg-1"].startswith("unreachable")
    assert summary(run)["vps-de-1"].startswith("confirmed")
    deadline = time.monotonic() + 60
    while running("vps-sg-1") != before["vps-sg-1"] and time.monotonic() < deadline:
        time.sleep(2)
    assert changed(before) == {"vps-de-1"}


def test_a_host_that_lost_its_line_before_its_keys_is_not_activated(project: Project) -> None:
    before = state()
    change(project)
    # What the key holds is asked for when everything before it has been done.
    key = {"name": "lost", "command": [str(home() / "tests/lab/lab"), "cut", "--reset", "vps-sg-1"]}
    variables = {"deploy_keys": [key], "deploy_ignore_unreachable": True}
    try:
        run = project.run("nix.fleet.deploy", "-l", "vps-sg-1", "-e", json.dumps(variables))
    finally:
        lab("heal", "vps-sg-1")
    assert "1 unreachable" in run.closing
    assert "Bring the keys that the new system starts with]" in run.output
    assert "Activate]" not in run.output
    assert changed(before) == set()
