# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines are cut, delayed and slowed, hosts freeze and disks fill up; and everything is as before afterwards; and what the machines have."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from ..conftest import Lab
from .conftest import seconds

HOST = "vps-sg-1"


@pytest.fixture(autouse=True)
def _whole_again(lab: Lab) -> Iterator[None]:
    yield
    lab("heal", HOST)
    lab("thaw", HOST)
    lab("free-disk", HOST)


def test_a_cut_line_does_not_even_answer(lab: Lab) -> None:
    lab("cut", HOST)
    refused = lab.ssh(HOST, "true", "-o", "ConnectTimeout=2")
    assert refused.returncode == 255
    assert "Connection timed out" in refused.stderr
    lab("heal", HOST)
    assert lab.ssh(HOST, "true").returncode == 0


def test_a_reset_ends_connections_and_refuses_new_ones_at_once(lab: Lab) -> None:
    with subprocess.Popen(
        ["ssh", "-F", str(lab.root / ".lab/ssh_config"), HOST, "echo in; sleep 60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as session:
        assert session.stdout
        session.stdout.readline()
        lab("cut", "--reset", HOST)
        assert session.wait(timeout=5) == 255
    assert seconds(lambda: lab.ssh(HOST, "true")) < 2


def test_a_delay_is_felt_once_per_round_trip(lab: Lab) -> None:
    options = ("-o", "ControlMaster=auto", "-o", f"ControlPath={lab.root}/%C", "-o", "ControlPersist=20")
    lab.ssh(HOST, "true", *options)
    quick = seconds(lambda: lab.ssh(HOST, "true", *options))
    lab("delay", HOST, "200ms")
    slow = seconds(lambda: lab.ssh(HOST, "true", *options))
    # Opening a session and asking for the command are two round trips, some versions of ssh need a third.
    assert 0.35 < slow - quick < 0.9


def test_a_frozen_host_hangs_and_goes_on_where_it_was(lab: Lab) -> None:
    lab("freeze", HOST)
    assert lab.status(HOST)["status"] == "frozen"
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(
            ["ssh", "-F", str(lab.root / ".lab/ssh_config"), HOST, "true"], capture_output=True, check=False, timeout=2
        )
    lab("thaw", HOST)
    assert lab.ssh(HOST, "true").returncode == 0


def test_a_full_disk_is_full_and_takes_nothing_of_the_machines(lab: Lab) -> None:
    lab("fill-disk", HOST)
    full = lab.ssh(HOST, "echo text > /root/file")
    assert full.returncode != 0
    assert "No space left on device" in full.stderr
    lab("fill-disk", "--leave", "8", HOST)
    assert lab.ssh(HOST, "head -c 4000000 /dev/zero > /root/file; rm /root/file").returncode == 0
    lab("free-disk", HOST)
    assert lab.status(HOST)["disk_used"] < 200_000_000


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
