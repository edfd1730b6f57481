# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the playbook nix.fleet.status is decided before any host is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Of the ansible-core that the tests run on.
ANSIBLE_PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))


@pytest.mark.parametrize("given", ["abc", "0"])
def test_a_time_limit_that_is_no_number_of_seconds_is_refused_by_its_name(given: str) -> None:
    done = subprocess.run(
        [ANSIBLE_PLAYBOOK, str(ROOT / "playbooks/status.yml"), "-i", "web,", "-e", f"status_timeout={given}"],
        cwd=ROOT,
        env={**os.environ, "PWD": str(ROOT), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"status_timeout is {given}: give it a number of seconds" in " ".join(done.stdout.split())
