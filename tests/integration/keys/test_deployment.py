# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets are part of a deployment: brought by it at the right moment, or decrypted by the machine itself."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest

from ..fleet.lab import on
from ..fleet.project import Project
from ..secrecy.processes import Onlooker

HOST = "vps-sg-1"
WEB = "nix/roles/web.nix"
OPENING = "  networking.firewall.allowedTCPPorts = [ 80 ];\n"


def group_vars(project: Project, **variables: t.Any) -> None:
    """Set variables of the host."""
    directory = project.root / "inventory" / "host_vars" / HOST
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "test.yml").write_text(json.dumps(variables))


def seen_at_activation(project: Project) -> Path:
    """Have the system note, whenever it is activated, which keys are there; return the note's place on the host."""
    note = Path("/run") / f"seen-{secrets.token_hex(4)}"
    snippet = f'  system.activationScripts.note = "ls /run/keys > {note} 2>/dev/null || true";\n'
    project.edit(WEB, OPENING, OPENING + snippet)
    return note


def test_keys_come_before_the_activation_or_after_it_as_they_say(project: Project, name: str, secret: str) -> None:
    early, late = f"early-{name}", f"late-{name}"
    key = {"content": secret}
    group_vars(project, deploy_keys=[{"name": early, **key}, {"name": late, **key, "upload_at": "post-activation"}])
    note = seen_at_activation(project)
    run = project.run("deploy.yml", "-l", HOST)
    assert run.rc == 0, run.output
    seen = on(HOST, 'cat "$1"', str(note)).split()
    assert (early in seen, late in seen) == (True, False)
    assert on(HOST, 'cat "/run/keys/$1" "/run/keys/$2"', early, late) == secret * 2
    again = project.run("deploy.yml", "-l", HOST)
    assert again.counts(HOST)["changed"] == 0, again.output


def test_a_key_of_an_owner_whom_the_activation_makes_is_his_in_the_end(
    project: Project, name: str, secret: str
) -> None:
    group_vars(project, deploy_keys=[{"name": name, "content": secret, "owner": name}])
    note = seen_at_activation(project)
    line = f"echo {name}:x:4711:4711::/:/bin/sh >>/etc/passwd"
    project.edit(WEB, OPENING, f'{OPENING}  system.activationScripts.user = "{line}";\n')
    try:
        run = project.run("deploy.yml", "-l", HOST)
        assert run.rc == 0, run.output
        assert name in on(HOST, 'cat "$1"', str(note)).split()
        assert on(HOST, 'cd /run/keys && cat "$1" && stat -c " %U %a" "$1"', name) == f"{secret} {name} 400"
    finally:
        on(HOST, 'sed -i "/^$1:/d" /etc/passwd', name)


def test_a_key_that_cannot_be_had_stops_the_host_before_it_is_switched(project: Project, name: str) -> None:
    group_vars(project, deploy_keys=[{"name": name, "command": ["false"]}])
    note = seen_at_activation(project)
    run = project.run("deploy.yml", "-l", HOST)
    assert run.counts(HOST)["failed"] == 1
    assert on(HOST, 'ls "$1" 2>/dev/null || :', str(note)) == ""


@pytest.mark.thorough
@pytest.mark.skipif(not shutil.which("age"), reason="needs the program age, from the Debian package of that name")
def test_a_machine_decrypts_by_its_own_host_key_what_is_encrypted_to_it(project: Project, secret: str) -> None:
    here = Path(__file__).parent
    shutil.copy(here / "agenix.nix", project.root / "nix")
    shutil.copy(str(shutil.which("age")), project.root / "nix" / "age")
    public = on(HOST, "cat /etc/ssh/ssh_host_ed25519_key.pub")
    encrypted = project.root / "nix" / "token.age"
    subprocess.run(["age", "--recipient", public, "--output", encrypted], input=secret, text=True, check=True)
    project.edit(WEB, OPENING, OPENING + "  imports = [ ../agenix.nix ];\n")
    with Onlooker([secret]) as onlooker:
        run = project.run("deploy.yml", "-l", HOST, "-vvvv")
    assert run.rc == 0, run.output
    assert on(HOST, 'cat /run/agenix/token; stat -c " %U %a" /run/agenix/token') == f"{secret} root 600"
    assert secret not in run.output
    assert onlooker.sightings == set()
    assert on(HOST, 'grep -rlF "$1" $(nix-store -qR /run/current-system) || :', secret) == ""


def test_units_that_failed_for_want_of_a_key_get_it_before_anything_is_made_of_it(
    project: Project, name: str, secret: str
) -> None:
    group_vars(project, deploy_keys=[{"name": name, "content": secret, "upload_at": "post-activation"}])
    unit = f"systemd.services.waits-{name}"
    starts = f"\"/bin/sh -c 'exec test -e /run/keys/{name}'\""
    snippet = f'  {unit} = {{ wantedBy = [ "multi-user.target" ]; serviceConfig.ExecStart = {starts}; }};\n'
    project.edit(WEB, OPENING, OPENING + snippet)
    run = project.run("deploy.yml", "-l", HOST)
    assert f"waits-{name}.service" in run.output.partition("FLEET")[2], run.output
    assert on(HOST, 'cat "/run/keys/$1"', name) == secret
    bring, confirm = "Bring the keys that the new system has users for]", "Confirm]"
    assert run.output.index(bring) < run.output.index(confirm)
