# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new system stays when it works; one that does not is left at once, and the summary says which check found it out."""

from __future__ import annotations

import json
import re
import secrets
import time
import typing as t

import pytest

from .lab import home, on, running
from .project import Project, Run

pytestmark = pytest.mark.usefixtures("deployed_once")

HOST = "vps-sg-1"
LONG = 120


def greet(project: Project) -> str:
    """Make every web server's page say something else, and return what."""
    word = f"Hello-{secrets.token_hex(4)}"
    path = project.root / "inventory" / "nodes.nix"
    text, count = re.subn('greeting = "[^"]*";', f'greeting = "{word}";', path.read_text(), count=1)
    assert count == 1
    path.write_text(text)
    return word


def page_at() -> str:
    """Return where the controller sees the host's page."""
    config = (home() / ".lab" / "ssh_config").read_text()
    address = re.search(rf"^Host {HOST}$.*?HostName (\S+)", config, flags=re.MULTILINE | re.DOTALL)
    assert address
    return f"http://{address[1]}/"


def deploy(project: Project, host: str = HOST, playbook: str = "deploy.yml", **variables: t.Any) -> Run:
    # A host that goes back by itself would do so after this time, and not before.
    variables = {"deploy_confirm_timeout": LONG} | variables
    return project.run(playbook, "-l", host, "-e", json.dumps(variables))


def report(run: Run) -> str:
    """Return the summary in one line."""
    return " ".join(run.output.partition("FLEET ***")[2].split())


def test_a_system_whose_checks_hold_is_confirmed(project: Project) -> None:
    word = greet(project)
    checks = [
        {"units": "page, sshd" if on(HOST, "systemctl is-active sshd || true") == "active" else "page"},
        {"units": "all"},
        {"http": page_at(), "contains": word},
        {"port": 22},
        {"command": f"curl --silent http://localhost/ | grep {word}"},
    ]
    before = running(HOST)
    run = deploy(project, deploy_health_checks=checks)
    assert run.rc == 0, run.output
    assert "1 confirmed" in run.closing
    assert running(HOST).generation == before.generation + 1
    again = deploy(project, deploy_health_checks=checks)
    assert again.counts(HOST)["changed"] == 0, "what runs already is not activated, and so not checked"


def test_a_check_that_does_not_hold_sends_the_host_back_at_once(project: Project) -> None:
    greet(project)
    before = running(HOST)
    begin = time.monotonic()
    run = deploy(project, deploy_health_checks=[{"units": "page"}, {"units": "nothing"}], deploy_health_within=1)
    assert time.monotonic() - begin < LONG / 2
    assert run.rc == 2
    assert "1 rolled back" in run.closing
    assert "health: 1 of 2 checks does not hold" in report(run)
    assert "units nothing: there is no unit nothing.service" in report(run)
    assert running(HOST) == before


def test_tasks_of_the_users_decide_whether_the_system_stays(project: Project) -> None:
    tasks = project.root / "checks" / "web.yml"
    tasks.parent.mkdir()
    tasks.write_text("- name: Ask the queue\n  ansible.builtin.raw: echo it is stuck; exit 1\n")
    greet(project)
    before = running(HOST)
    run = deploy(project, deploy_health_tasks="checks/web.yml")
    assert run.rc == 2
    assert "1 rolled back" in run.closing
    assert "health: Ask the queue: non-zero return code at checks/web.yml:1 it is stuck" in report(run)
    assert running(HOST) == before
    tasks.write_text("- name: Ask the queue\n  ansible.builtin.raw: exit 0\n")
    assert "1 confirmed" in deploy(project, deploy_health_tasks="checks/web.yml").closing


@pytest.mark.thorough
def test_a_file_of_tasks_that_is_not_there_is_missed_before_anything_is_activated(project: Project) -> None:
    greet(project)
    before = running(HOST)
    run = deploy(project, deploy_health_tasks="nowhere.yml")
    assert run.rc == 2
    assert "deploy_health_tasks: there is no file nowhere.yml in" in report(run)
    assert running(HOST) == before


def test_a_system_that_does_not_stay_healthy_is_left_after_its_confirmation(project: Project) -> None:
    greet(project)
    before = running(HOST)
    # Holds for the first two looks, one before the confirmation and one after it.
    check = {"name": "the fuse", "command": "echo >>/tmp/fuse; test $(wc -l </tmp/fuse) -le 2"}
    on(HOST, "rm -f /tmp/fuse")
    run = deploy(project, deploy_health_checks=[check], deploy_soak=30)
    assert run.rc == 2
    assert "1 rolled back" in run.closing
    assert "health: the check held and does no more" in report(run)
    assert running(HOST).system == before.system
    assert running(HOST).default == before.default


def test_a_check_that_is_not_to_be_logged_says_its_name_alone(project: Project) -> None:
    word = greet(project)
    tasks = "- name: Ask the queue\n  ansible.builtin.fail:\n    msg: the password is {word}\n  no_log: true\n"
    (project.root / "queue.yml").write_text(tasks.format(word=f"pass-{word}"))
    run = deploy(project, deploy_health_tasks="queue.yml")
    assert "1 rolled back" in run.closing
    assert "health: Ask the queue" in report(run)
    assert "cancelled: Ask the queue: it failed" in " ".join(run.output.split())
    # What Ansible itself prints of it comes before that.
    assert f"pass-{word}" not in run.output.partition("Send it back]")[2]
