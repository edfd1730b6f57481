# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sudo password and a token of Nix's, through a whole deployment at the highest verbosity: seen by nobody."""

from __future__ import annotations

import dataclasses
import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from ..fleet.changes import change_everything
from ..fleet.lab import new_fleet, on
from ..fleet.project import Project
from .processes import Onlooker

# By sudo with a password, by sudo without, as root, and without root; and who builds for them.
HOSTS = ("macbook", "vps-de-1", "vps-sg-1", "workstation", "homelab")
PASSWORD_FILE = "inventory/host_vars/macbook/lab.yml"
TOKEN_FILE = "inventory/group_vars/all/token.yml"
# What a run leaves on the controller, if it leaves anything.
CONTROLLER = ("~/.ansible", "~/.cache/nix.fleet", "~/.cache/nix", "~/.local/state/nix.fleet", "/var/log", "/run/user")
NO_PLACES = ("proc", "sys", "dev", "nix")


@dataclasses.dataclass(frozen=True)
class Rehearsal:
    """What a deployment has shown to those who look."""

    output: str
    token: str
    password: str
    onlooker: Onlooker
    project: Project

    @property
    def secrets(self) -> tuple[str, str]:
        return (self.token, self.password)


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Deploy something new to every kind of login, and then something that does not evaluate, while somebody looks."""
    new_fleet(*HOSTS)
    project = Project.copied_to(tmp_path_factory.mktemp("project"))
    change_everything(project)
    token = secrets.token_hex(20)
    settings = {"deploy_nix_options": {"access-tokens": [f"git.example={token}"]}}
    (project.root / TOKEN_FILE).write_text(yaml.safe_dump(settings))
    password = str(yaml.safe_load((project.root / PASSWORD_FILE).read_text())["ansible_become_password"])
    with Onlooker([token, password]) as onlooker:
        run = project.run("deploy.yml", "-l", ",".join(HOSTS), "-vvvv", "--diff")
        (project.root / "nix/platforms/nixos.nix").write_text("{ }: throw ''no such system''")
        broken = project.run("deploy.yml", "-l", "macbook,vps-sg-1", "-vvvv")
    assert run.rc == 0, run.output
    assert broken.rc != 0, broken.output
    return Rehearsal(run.output + broken.output, token, password, onlooker, project)


def test_no_command_line_has_a_secret(rehearsal: Rehearsal) -> None:
    assert rehearsal.onlooker.processes > 100
    assert [each for each in rehearsal.onlooker.sightings if each.where == "command line"] == []


def test_no_environment_has_the_password_and_only_that_of_nix_the_token(rehearsal: Rehearsal) -> None:
    places = {(each.secret, each.where) for each in rehearsal.onlooker.sightings}
    # That it is seen there says that the onlooker has looked.
    assert places == {(rehearsal.token, "NIX_CONFIG")}


def test_ansible_prints_no_secret_at_any_verbosity(rehearsal: Rehearsal) -> None:
    lines = [line for line in rehearsal.output.splitlines() if any(secret in line for secret in rehearsal.secrets)]
    assert lines == []


@pytest.mark.parametrize("host", HOSTS)
def test_no_file_of_a_host_has_a_secret(rehearsal: Rehearsal, host: str) -> None:
    """Logs, journals, state, temporary files: everything but what the kernel and the store have."""
    excluded = " ".join(f"--exclude-dir={place}" for place in NO_PLACES)
    patterns = " ".join(f"-e {secret}" for secret in rehearsal.secrets)
    on(host, f"echo {rehearsal.token} >/var/log/planted")
    assert on(host, f"grep -rlaF {patterns} {excluded} / 2>/dev/null; rm /var/log/planted") == "/var/log/planted"
    assert on(host, f"journalctl --no-pager -o export 2>/dev/null | grep -aF {patterns} || :") == ""


def test_no_file_that_a_run_leaves_on_the_controller_has_a_secret(rehearsal: Rehearsal) -> None:
    places = [Path(place).expanduser() for place in CONTROLLER] + [rehearsal.project.root]
    inputs = {rehearsal.project.root / PASSWORD_FILE, rehearsal.project.root / TOKEN_FILE}
    assert set(files_with(rehearsal.secrets, [place for place in places if place.exists()])) == inputs
    left = [Path(place) for place in ("/tmp", "/run") if Path(place).is_dir()]
    recent = [path for place in left for path in place.glob("*fleet*")] + [*Path("/tmp").glob("ansible*")]
    assert files_with(rehearsal.secrets, recent) == []


@pytest.mark.skipif(shutil.which("journalctl") is None, reason="the controller has no systemd")
def test_the_controllers_journal_has_no_secret(rehearsal: Rehearsal) -> None:
    journal = subprocess.run(
        ["journalctl", "--no-pager", "-o", "export", "--since=-1h"], capture_output=True, check=False
    )
    assert not any(secret.encode() in journal.stdout for secret in rehearsal.secrets)


def files_with(texts: Sequence[str], places: Sequence[Path]) -> list[Path]:
    """Return the files below ``places`` that contain one of ``texts``."""
    if not places:
        return []
    patterns = [word for text in texts for word in ("-e", text)]
    command = ["grep", "-rlaFZ", "-D", "skip", *patterns, *map(str, places)]
    found = subprocess.run(command, capture_output=True, check=False).stdout
    return [Path(os.fsdecode(name)) for name in found.split(b"\0") if name]
