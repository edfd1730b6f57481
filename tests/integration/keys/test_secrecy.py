# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret is where it belongs and nowhere else: in no process's arguments, no output, no log and no temporary file."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from ..secrecy.processes import Onlooker
from .conftest import Keys

HOSTS = "vps-sg-1:vps-de-1:phone:macbook"


def forms(secret: str) -> list[str]:
    """Return a secret as it is and as it may be written on its way."""
    plain = secret.encode()
    return [secret, "".join(f"\\{byte:03o}" for byte in plain), plain.hex(), base64.b64encode(plain).decode()[:-4]]


@pytest.fixture
def vault(keys: Keys, secret: str) -> Path:
    """Return a file that is a vault with a secret in it; its password is in a file beside it."""
    (keys.project.root / "password").write_text("the password of the vault")
    file = keys.project.root / "files" / "vault"
    file.parent.mkdir()
    command = ["ansible-vault", "encrypt", "--vault-password-file", "password", "--output", str(file)]
    subprocess.run(command, input=secret, text=True, cwd=keys.project.root, check=True, capture_output=True)
    return file


def test_a_run_at_its_most_talkative_gives_no_secret_away(
    keys: Keys, vault: Path, name: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = keys.project.root / "ansible.log"
    (keys.project.root / "plain").write_text(secret)
    monkeypatch.setenv("ANSIBLE_LOG_PATH", str(log))
    monkeypatch.setenv("ANSIBLE_DEBUG", "1")
    monkeypatch.setenv("ANSIBLE_DISPLAY_ARGS_TO_STDOUT", "1")
    sources = (
        {"name": f"{name}-vault", "file": "vault"},
        {"name": f"{name}-command", "command": ["cat", "plain"]},
        {"name": f"{name}-content", "content": "{{ lookup('ansible.builtin.file', 'plain') }}", "mode": "0440"},
    )
    flags = ("-vvvv", "--diff", "--vault-password-file", "password")
    with Onlooker(forms(secret)) as onlooker:
        run = keys.bring(HOSTS, *sources, flags=flags, allow_disk=True)
    for host in HOSTS.split(":"):
        assert list(keys.changes(host).values()) == [["created"]] * len(sources)
    assert (onlooker.processes > 100, onlooker.sightings) == (True, set())
    for form in forms(secret):
        assert form not in run.output
        assert form not in log.read_text()
        for host in HOSTS.split(":"):
            assert form not in str(keys.answer(host))


@pytest.mark.thorough
def test_a_failure_says_everything_but_the_secret(keys: Keys, name: str, secret: str) -> None:
    refused = (
        {"name": name, "content": secret, "owner": "no-such-user"},
        {"name": f"{name}/..", "content": secret},
        {"name": name, "content": secret, "mode": 256},
        {"name": name, "command": ["sh", "-c", "cat plain; exit 1"]},
        {"name": name, "content": secret, "fiel": "x"},
    )
    (keys.project.root / "plain").write_text(secret)
    for key in refused:
        run = keys.bring("vps-sg-1", key, flags=("-vvvv",))
        assert keys.answer("vps-sg-1")["failed"], run.output
        assert secret not in str(keys.answer("vps-sg-1"))
        # ansible-core shows the line of the playbook that a task stands in, and the keys of these stand there.
        said = run.output.replace((keys.project.root / "keys.yml").read_text(), "")
        assert secret not in said
