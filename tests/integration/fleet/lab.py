# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rehearsal fleet, seen from the tests: what is on a host, and what can befall it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROJECT = ("ansible.cfg", "deploy.yml", "flake.nix", "flake.lock", "inventory", "nix")

NIXOS = ("homelab", "vps-sg-1", "vps-sg-2", "vps-de-1")
HOSTS = (*NIXOS, "workstation", "macbook", "phone")
SYSTEM = "/nix/var/nix/profiles/system"


@functools.cache
def home() -> Path:
    """Return the clone whose fleet this process rehearses on: one of its own, since tests leave nothing as it was."""
    made = Path(tempfile.mkdtemp(prefix="rehearsal-"))
    for part in ("tests/lab", *PROJECT):
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, made / part, ignore=shutil.ignore_patterns("lab.yml", "__pycache__"))
        elif (ROOT / part).exists():
            shutil.copy2(ROOT / part, made / part)
    return made


def leave_home() -> None:
    """Take down the fleet that this process has had for itself."""
    if home.cache_info().currsize:
        subprocess.run([home() / "tests/lab/lab", "down"], capture_output=True, check=False)
        shutil.rmtree(home(), ignore_errors=True)


def lab(*arguments: str) -> str:
    """Run one command of the rehearsal fleet's own command line and return what it printed."""
    done = subprocess.run([home() / "tests/lab/lab", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def new_fleet(*hosts: str) -> None:
    """Have these hosts, none of which has ever been deployed to."""
    lab("down")
    lab("up", *hosts)


def on(host: str, script: str, *arguments: str) -> str:
    """Run a script on a host as root, behind the back of ssh and Ansible, and return what it printed."""
    return lab("exec", host, "--", "/bin/sh", "-c", script, "sh", *arguments).strip()


@dataclasses.dataclass(frozen=True)
class Running:
    """What a NixOS stand-in runs now, and what it would boot."""

    system: str
    default: str
    generation: int


def running(host: str, profile: str = SYSTEM) -> Running:
    """Return what a NixOS or darwin stand-in runs."""
    system, default, link = on(
        host, 'readlink -f /run/current-system; readlink -f "$1"; readlink "$1"', profile
    ).splitlines()
    return Running(system, default, int(link.rsplit("-", 2)[1]))


@contextlib.contextmanager
def cut(host: str) -> Iterator[None]:
    """Cut the line to a host for the length of the block."""
    lab("cut", "--reset", host)
    try:
        yield
    finally:
        lab("heal", host)
