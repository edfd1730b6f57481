# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every host is the kind of machine that it stands in for."""

from __future__ import annotations

import json

import pytest

from ..conftest import Lab
from .conftest import seconds

HOSTS = {
    "homelab": "root",
    "vps-sg-1": "root",
    "vps-sg-2": "root",
    "vps-de-1": "deploy",
    "workstation": "alice",
    "macbook": "admin",
    "phone": "nix-on-droid",
}
SYSTEMD_HOSTS = ("homelab", "vps-sg-1", "vps-sg-2", "vps-de-1", "workstation")
# How a session finds Nix where it is not on everybody's PATH.
LOGIN = {
    "macbook": ". /etc/profile; ",
    "phone": ". ~/.profile; ",
}
DERIVATION = """
derivation {
  name = "trivial"; system = builtins.currentSystem; builder = "/bin/sh"; args = [ "-c" "echo $system > $out" ];
}
"""
SYSTEMS = {"macbook": "aarch64-darwin", "phone": "aarch64-linux"}


@pytest.mark.parametrize("host", HOSTS)
def test_the_login_is_the_one_of_the_platform(lab: Lab, host: str) -> None:
    assert lab.ssh(host, "id -un").stdout.strip() == HOSTS[host]


@pytest.mark.parametrize("host", HOSTS)
def test_nix_builds_for_the_hosts_own_system(lab: Lab, host: str) -> None:
    built = lab.ssh(host, f"{LOGIN.get(host, '')}nix-build --no-out-link -", text=DERIVATION)
    assert built.returncode == 0, built.stderr
    said = lab.ssh(host, f"cat {built.stdout.strip()}").stdout.strip()
    assert said == SYSTEMS.get(host, "x86_64-linux")


@pytest.mark.parametrize("host", HOSTS)
def test_there_is_no_python(lab: Lab, host: str) -> None:
    assert lab("exec", host, "--", "sh", "-c", "ls /usr/bin /usr/local/bin | grep -c python || true").strip() == "0"


@pytest.mark.parametrize("host", SYSTEMD_HOSTS)
def test_systemd_is_up_and_runs_transient_units(lab: Lab, host: str) -> None:
    assert lab("exec", host, "--", "systemctl", "is-system-running", "--wait").strip() == "running"
    said = lab("exec", host, "--", "systemd-run", "--quiet", "--pipe", "--wait", "sh", "-c", "echo $INVOCATION_ID")
    assert len(said.strip()) == 32


@pytest.mark.parametrize("host", ["macbook", "phone"])
def test_where_there_is_no_systemd_nothing_of_it_is_there(lab: Lab, host: str) -> None:
    found = lab.ssh(host, "command -v systemctl systemd-run; ls -d /run/systemd /usr/lib/systemd 2>/dev/null")
    assert found.stdout == ""


@pytest.mark.parametrize("host", ["macbook", "phone"])
def test_a_command_over_ssh_does_not_find_nix_where_the_platform_hides_it(lab: Lab, host: str) -> None:
    assert lab.ssh(host, "command -v nix").returncode != 0
    assert lab.ssh(host, f"{LOGIN[host]}command -v nix").returncode == 0


def test_the_macbook_has_nix_where_its_installer_puts_it(lab: Lab) -> None:
    assert lab.ssh("macbook", "/nix/var/nix/profiles/default/bin/nix --version").returncode == 0


def test_the_macbooks_sudo_wants_the_password_from_the_inventory(lab: Lab) -> None:
    assert lab.ssh("macbook", "sudo -n id").returncode != 0
    path = lab.root / "inventory/host_vars/macbook/lab.yml"
    assert path.stat().st_mode & 0o777 == 0o600
    password = json.loads(path.read_text().split("ansible_become_password: ")[1])
    assert lab.ssh("macbook", "sudo -S -p '' id -u", text=f"{password}\n").stdout.strip() == "0"
    assert lab.ssh("macbook", "sudo -S -p '' id -u", text="wrong\n").returncode != 0


def test_deploy_has_sudo_without_a_password_and_is_not_trusted_by_nix(lab: Lab) -> None:
    assert lab.ssh("vps-de-1", "sudo -n id -u").stdout.strip() == "0"
    store = "nix --extra-experimental-features nix-command store info --json"
    answer = json.loads(lab.ssh("vps-de-1", f"{store} --store daemon").stdout)
    assert answer["trusted"] in (0, False)


@pytest.mark.parametrize("host", ["workstation", "phone"])
def test_where_there_is_no_sudo_there_is_none(lab: Lab, host: str) -> None:
    assert lab.ssh(host, "command -v sudo").returncode != 0


def test_the_phone_is_busybox_and_its_user_owns_the_store(lab: Lab) -> None:
    assert "BusyBox" in lab.ssh("phone", "ls --help 2>&1").stdout
    assert lab.ssh("phone", "stat -c %U /nix /nix/store /nix/var/nix/db").stdout.split() == ["nix-on-droid"] * 3
    assert lab.ssh("phone", "echo $HOME").stdout.strip() == "/data/data/com.termux.nix/files/home"


def test_every_address_of_a_host_leads_to_it_with_its_own_key(lab: Lab) -> None:
    for address in ("192.0.2.12", "198.51.100.12"):
        assert lab.ssh(address, "hostname", "-l", "root").stdout.strip() == "vps-sg-2"


def test_a_second_up_changes_nothing_and_takes_no_time(lab: Lab) -> None:
    before = lab.status("vps-sg-1")["boot_id"]
    assert seconds(lambda: lab("up")) < 5
    assert lab.status("vps-sg-1")["boot_id"] == before


def test_one_host_cannot_see_another(lab: Lab) -> None:
    assert lab.ssh("vps-sg-1", "busybox nc -w 2 192.0.2.12 22 </dev/null").stdout == ""
