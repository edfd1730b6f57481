# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs playbooks by the ansible-core that the tests run on, with this collection and none of the user's settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ANSIBLE_PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))


def environment_of(directory: str | Path, **variables: str) -> dict[str, str]:
    """Return what Ansible is to have in its environment when it is started in ``directory``."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    for name in ("CI", "PYTHONPATH"):
        plain.pop(name, None)
    ours = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"), "ANSIBLE_NOCOLOR": "1", "PWD": str(directory)}
    return {**plain, **ours, **variables}


def run_playbook(*words: object, cwd: str | Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook in ``cwd``, with ``variables`` in its environment."""
    return subprocess.run(
        [ANSIBLE_PLAYBOOK, *map(str, words)],
        cwd=cwd,
        env=environment_of(cwd, **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
