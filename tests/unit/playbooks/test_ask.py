# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who wants to be asked before a deployment is, and where nobody can be, nothing is deployed."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.variables import validate_question

from ..playbook import ANSIBLE_PLAYBOOK, ROOT, environment_of, run_playbook


def deployed(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Deploy to hosts that there are not, of a flake that there is not."""
    variables = ("-e", "deploy_flake=/nowhere", "-e", "nix_attr=nowhere")
    return run_playbook(
        *("nix.fleet.deploy", "-i", "one.invalid,two.invalid,", *variables, *arguments),
        ANSIBLE_STDOUT_CALLBACK="ansible.builtin.default",
        **environment,
    )


@pytest.mark.parametrize(("arguments", "environment"), [((), {}), ((), {"CI": "true"}), (("-e", "awx_job_id=7"), {})])
def test_where_nobody_can_be_asked_nothing_is_evaluated(
    arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    done = deployed("-e", "deploy_ask=true", *arguments, **environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "ask.nobody" in done.stdout
    assert "Evaluate" not in done.stdout


def test_nobody_is_at_a_standard_input_that_is_closed() -> None:
    program = f"from {validate_question.__module__} import ANSWERS; print(ANSWERS)"
    closed = ["sh", "-c", 'exec "$0" -c "$1" <&-', sys.executable, program]
    assert subprocess.run(closed, stdout=subprocess.PIPE, text=True, check=False).stdout == "False\n"


@pytest.mark.parametrize("arguments", [(), ("-e", "deploy_ask=false"), ("-e", "deploy_ask=true", "--check")])
def test_nobody_is_asked_unless_that_is_wanted(arguments: tuple[str, ...]) -> None:
    done = deployed(*arguments, "--tags", "activate", CI="true")
    assert "TASK [Compare]" not in done.stdout
    assert "ask.nobody" not in done.stdout


# In the place of the whole role: a host is deployed when there is its file.
ROLE = """\
- name: Go the way of a host
  ansible.builtin.command: touch {{ place }}/{{ inventory_hostname }}.deployed
  tags: [activate]
- name: Say what became of it
  ansible.builtin.set_fact:
    deploy_activation: {outcome: "{{ outcome }}"}
  tags: [activate]
"""


def answered(directory: Path, answer: str, outcome: str = "activated", more: str = "") -> tuple[int, str]:
    """Deploy with that role, which has ``outcome``, one host being away, and give ``answer`` at the terminal; return the exit code and what was shown."""
    fleet = directory / "ansible_collections/nix/fleet"
    (fleet / "roles/deploy/tasks").mkdir(parents=True)
    (fleet / "roles/deploy/tasks/main.yml").write_text(ROLE)
    for name in ("playbooks", "plugins", "meta"):
        (fleet / name).symlink_to(ROOT / name)
    # As our own inventory, which gives each host its keys, and most have none.
    (directory / "hosts").write_text(
        "a\nb\naway ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1\n[all:vars]\nnix_keys=[]\n"
    )
    paths = {"ANSIBLE_COLLECTIONS_PATH": str(directory), "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(directory)
        extra = f"deploy_ask=true deploy_ignore_unreachable=true place={directory} outcome={outcome} {more}"
        words = [ANSIBLE_PLAYBOOK, *"nix.fleet.deploy -i hosts -c local -e".split(), extra]
        os.execve(ANSIBLE_PLAYBOOK, words, environment_of(directory, **paths))
    shown = b""
    while True:
        # Ansible throws away what was typed before it listens, which it does after it has asked.
        asks = b"(yes or no)" in shown and b"TASK [Go on]" not in shown
        if asks and not select.select([terminal], [], [], 1)[0]:
            os.write(terminal, f"{answer}\r".encode())
            continue
        try:
            shown += os.read(terminal, 65536)
        except OSError:
            # What a terminal says that nobody writes to any more.
            break
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode()


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "deploys"), [("yes", True), ("no", False), ("", False)])
def test_all_is_shown_before_the_question_and_only_a_yes_deploys(tmp_path: Path, answer: str, deploys: bool) -> None:
    code, shown = answered(tmp_path, answer)
    before, question, _after = shown.partition("Deploy this to 3 of 3 hosts? (yes or no)")
    assert question, shown
    assert "Go the way of a host" in before, shown
    assert len(list(tmp_path.glob("*.deployed"))) == (2 if deploys else 0), shown
    assert (code == 0) is deploys


@pytest.mark.slow
def test_where_nothing_would_change_nobody_is_asked(tmp_path: Path) -> None:
    code, shown = answered(tmp_path, "no", "unchanged")
    assert "(yes or no)" not in shown
    assert code == 0, shown


@pytest.mark.slow
@pytest.mark.parametrize("more", ["deploy_reboot=always", "nix_keys=one"])
def test_an_unchanged_host_is_rebooted_or_brought_keys_only_after_the_question(tmp_path: Path, more: str) -> None:
    code, shown = answered(tmp_path, "no", "unchanged", more)
    assert "(yes or no)" in shown
    assert code != 0, shown
