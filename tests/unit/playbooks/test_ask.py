# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who wants to be asked before a deployment is, and where nobody can be, nothing is deployed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Of the ansible-core that the tests run on.
ANSIBLE_PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))


def deployed(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Deploy to hosts that there are not, of a flake that there is not."""
    variables = ("-e", "deploy_flake=/nowhere", "-e", "nix_attr=nowhere")
    return subprocess.run(
        [ANSIBLE_PLAYBOOK, "nix.fleet.deploy", "-i", "one.invalid,two.invalid,", *variables, *arguments],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if name != "CI"},
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("arguments", "environment"), [((), {"CI": "true"}), (("-e", "awx_job_id=7"), {})])
def test_a_job_fails_before_anything_is_evaluated(arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    done = deployed("-e", "deploy_ask=true", *arguments, **environment)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Leave it out here" in done.stdout
    assert "Evaluate" not in done.stdout


@pytest.mark.parametrize("arguments", [(), ("-e", "deploy_ask=false"), ("-e", "deploy_ask=true", "--check")])
def test_nobody_is_asked_unless_that_is_wanted(arguments: tuple[str, ...]) -> None:
    done = deployed(*arguments, "--tags", "activate", CI="true")
    assert "TASK [Compare]" not in done.stdout
    assert "Leave it out here" not in done.stdout
