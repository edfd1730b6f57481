# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every host is the kind of machine that it stands in for."""

from __future__ import annotations

import json

import pytest

from ..conftest import Lab

HOSTS = {
    "homelab": "root",
    "vps-sg-1": "root",
    "vps-sg-2": "root",
    "vps-de-1": "deploy",
    "workstation": "alice",
    "macbook": "admin",
    "phone": "nix-on-droid",
}
# How a session finds Nix where it is not on everybody's PATH.
LOGIN = {
    "macbook": ". /etc/profile; ",
    "phone": ". ~/.profile; ",
}


@pytest.mark.parametrize("host", HOSTS)
def test_there_is_no_python(lab: Lab, host: str) -> None:
    assert lab("exec", host, "--", "sh", "-c", "ls /usr/bin /usr/local/bin | grep -c python || true").strip() == "0"


@pytest.mark.parametrize("host", ["macbook", "phone"])
def test_a_command_over_ssh_does_not_find_nix_where_the_platform_hides_it(lab: Lab, host: str) -> None:
    assert lab.ssh(host, "command -v nix").returncode != 0
    assert lab.ssh(host, f"{LOGIN[host]}command -v nix").returncode == 0


def test_deploy_has_sudo_without_a_password_and_is_not_trusted_by_nix(lab: Lab) -> None:
    assert lab.ssh("vps-de-1", "sudo -n id -u").stdout.strip() == "0"
    store = "nix --extra-experimental-features nix-command store info --json"
    answer = json.loads(lab.ssh("vps-de-1", f"{store} --store daemon").stdout)
    assert answer["trusted"] in (0, False)
