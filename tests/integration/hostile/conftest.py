# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of which one host is not what it is taken for."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from ..fleet.lab import home, new_fleet, on
from ..fleet.project import Project

GOOD, BAD = "vps-sg-1", "vps-sg-2"
LOGIN_SHELL = "/opt/hostile"


@pytest.fixture(scope="module", autouse=True)
def fleet() -> None:
    """Have both hosts and their builder up, as new."""
    new_fleet(GOOD, BAD, "homelab")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project that both hosts run."""
    made = Project.copied_to(tmp_path)
    run = made.run("deploy.yml", "-l", f"{GOOD},{BAD}")
    assert run.rc == 0, run.output
    return made


@pytest.fixture
def login_shell() -> Iterator[Callable[[str], None]]:
    """Returns what gives the bad host's login a shell of the test's own."""
    shell = on(BAD, "sed -n 's/^root:.*://p' /etc/passwd")

    def give(script: str) -> None:
        on(BAD, 'printf "#!/bin/sh\\n%s\\n" "$1" >"$2"; chmod 755 "$2"', script, LOGIN_SHELL)
        on(BAD, 'sed -i "s|^\\(root:.*:\\).*|\\1$1|" /etc/passwd', LOGIN_SHELL)
        end_sessions()

    yield give
    on(BAD, 'sed -i "s|^\\(root:.*:\\).*|\\1$1|" /etc/passwd', shell)
    end_sessions()


@pytest.fixture
def program() -> Iterator[Callable[[str, str], None]]:
    """Returns what puts a script in place of a program of the bad host's."""
    replaced: set[str] = set()

    def replace(name: str, script: str) -> None:
        on(
            BAD,
            'mv "/usr/bin/$1" "/usr/bin/$1.real" && printf "#!/bin/sh\\n%s\\n" "$2" >"/usr/bin/$1"; chmod 755 "/usr/bin/$1"',
            name,
            script,
        )
        replaced.add(name)

    yield replace
    for name in replaced:
        on(BAD, 'mv -f "/usr/bin/$1.real" "/usr/bin/$1"', name)


def end_sessions() -> None:
    """End the sessions that Ansible keeps: sshd has looked up their login shell already."""
    settings = yaml.safe_load((home() / "inventory/group_vars/all/lab.yml").read_text())
    for socket in Path(settings["ansible_control_path_dir"]).glob("*"):
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                ["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "x"], capture_output=True, check=False, timeout=10
            )
