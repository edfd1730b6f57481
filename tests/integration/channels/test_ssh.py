# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A branch is moved over ssh: on a machine with a real sshd, by a key that may do nothing but Git, and a host key that is known."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from pathlib import Path

import pytest

from ..fleet.lab import home, new_fleet, on
from ..fleet.project import Run
from .conftest import Clone

pytestmark = pytest.mark.thorough
HOST = "vps-sg-1"
FORGE = f"ssh://git@{HOST}/srv/fleet.git"
# Whoever logs in as git can push and fetch, and nothing else.
ACCOUNT = """
    useradd --create-home --home-dir /srv --shell /usr/bin/git-shell --password '*' git
    for program in git-receive-pack git-upload-pack; do ln -s git "/usr/bin/$program"; done
    git init --quiet --bare --initial-branch=main /srv/fleet.git
    mkdir -m 700 /srv/.ssh
    printf 'restrict %s\\n' "$1" >/srv/.ssh/authorized_keys
    chown -R git /srv/fleet.git /srv/.ssh
"""


@dataclasses.dataclass(frozen=True)
class Login:
    """What ssh is told on the controller: a key, and the host keys that it knows."""

    directory: Path

    def channel(self, clone: Clone, monkeypatch: pytest.MonkeyPatch, known: str) -> Run:
        (self.directory / "known_hosts").write_text(known)
        monkeypatch.setenv("GIT_SSH_COMMAND", f"ssh -F {self.directory}/config")
        return clone.channel("-l", "web", "-vvv", channel_remote=FORGE)


@pytest.fixture
def login(tmp_path: Path) -> Login:
    """Return a login at the host as git."""
    new_fleet(HOST)
    lab = home() / ".lab/ssh_config"
    for program in ("git", "git-shell"):
        copied = subprocess.run(
            ["scp", "-q", "-F", lab, f"/usr/bin/{program}", f"root@{HOST}:/usr/bin/{program}"], check=False
        )
        assert copied.returncode == 0
    if "version" not in on(HOST, "git --version 2>&1 || :"):
        pytest.skip("this machine's Git does not run on the fleet's hosts")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    on(HOST, ACCOUNT, key.with_suffix(".pub").read_text().strip())
    own = re.compile(
        r"(?mi)^\s*(User|IdentityFile|IdentitiesOnly|(User|Global)KnownHostsFile|StrictHostKeyChecking) .*\n"
    )
    ours = (
        f"IdentityFile {key}\nIdentitiesOnly yes\nUserKnownHostsFile {tmp_path}/known_hosts\n"
        "GlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\nBatchMode yes\n"
    )
    (tmp_path / "config").write_text(ours + own.sub("", lab.read_text()))
    return Login(tmp_path)


def test_a_branch_moves_over_ssh_by_a_key_of_its_own_and_to_nobody_but_the_known_host(
    clone: Clone, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = (home() / ".lab/known_hosts").read_text()
    revision = clone.commit()
    branches = "git --git-dir /srv/fleet.git for-each-ref --format='%(refname) %(objectname)' 2>&1"

    # An impostor has another key.
    run = login.channel(
        clone, monkeypatch, re.sub(r"AAAAC3NzaC1lZDI1NTE5AAAAI\S{10}", "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAA", known)
    )
    assert run.hosts(failed=1) == {"web"}, run.output
    assert "its host key in known_hosts" in run.output
    assert on(HOST, 'su -s /bin/sh git -c "$1"', branches) == ""

    run = login.channel(clone, monkeypatch, known)
    assert run.rc == 0, run.output
    assert on(HOST, 'su -s /bin/sh git -c "$1"', branches) == f"refs/heads/nixos-tested-web {revision}"
    again = login.channel(clone, monkeypatch, known)
    assert again.counts("web")["changed"] == 0, again.output

    # The account's shell, for this key too.
    shell = ["ssh", "-F", str(login.directory / "config"), f"git@{HOST}", "id"]
    refused = subprocess.run(shell, capture_output=True, text=True, check=False, env=os.environ)
    assert refused.returncode != 0
    assert "uid=" not in refused.stdout
