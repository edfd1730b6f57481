# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts reboot, lose power and come back, with their disks and as another boot."""

from __future__ import annotations

import subprocess
import time

import pytest

from ..conftest import Lab

BOOT_ID = "cat /proc/sys/kernel/random/boot_id"

# What a stand-in's closure has to have for the boot to take notice of it.
TOPLEVEL = """
derivation {
  name = "toplevel"; system = builtins.currentSystem; builder = "/bin/sh";
  PATH = "/usr/bin";
  args = [ "-c" ''
    mkdir -p $out/bin
    printf '#!/bin/sh\\ntouch /run/stage-2-was-here\\n' > $out/bin/stage-2
    chmod +x $out/bin/stage-2
  '' ];
}
"""


@pytest.mark.parametrize("host", ["vps-sg-1", "vps-de-1", "workstation", "macbook", "phone"])
def test_a_reboot_keeps_the_disk_and_gives_a_new_boot_id(lab: Lab, host: str) -> None:
    before = lab.ssh(host, BOOT_ID).stdout
    lab("exec", host, "--", "sh", "-c", "echo kept > /var/lib/kept; echo gone > /run/gone")
    lab("reboot", host)
    after = lab.ssh(host, BOOT_ID).stdout
    assert len(after) == 37
    assert after != before
    assert lab.ssh(host, "cat /var/lib/kept; ls /run/gone").stdout == "kept\n"


@pytest.mark.parametrize("command", ["systemctl reboot", "reboot", "shutdown -r now"])
def test_a_reboot_asked_for_on_the_host_itself_is_one(lab: Lab, command: str) -> None:
    boots = lab.status("vps-sg-2")["boots"]
    lab.ssh("vps-sg-2", command)
    deadline = time.monotonic() + 20
    while lab.status("vps-sg-2")["boots"] == boots:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    lab("up", "vps-sg-2")
    while lab.ssh("vps-sg-2", "true").returncode != 0:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_host_that_was_switched_off_stays_off_until_up_starts_it_again(lab: Lab) -> None:
    lab("exec", "vps-sg-2", "--", "touch", "/var/lib/still-here")
    lab.ssh("vps-sg-2", "poweroff")
    deadline = time.monotonic() + 20
    while lab.status("vps-sg-2")["status"] != "off":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    refused = lab.try_to("exec", "vps-sg-2", "--", "true")
    assert refused.returncode == 1
    assert "vps-sg-2: is off" in refused.stderr
    lab("up", "vps-sg-2")
    assert lab.ssh("vps-sg-2", "ls /var/lib/still-here").returncode == 0


def test_whoever_is_connected_to_a_host_without_power_hears_nothing_until_it_is_back(lab: Lab) -> None:
    ssh = ["ssh", "-F", str(lab.root / ".lab/ssh_config"), "-o", "ServerAliveInterval=1", "vps-sg-1"]
    with subprocess.Popen([*ssh, "echo in; sleep 60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as session:
        assert session.stdout
        assert session.stdout.readline() == b"in\n"
        lab("power-cycle", "vps-sg-1")
        assert session.wait(timeout=20) == 255


def test_a_boot_starts_the_system_that_the_boot_loaders_default_names(lab: Lab) -> None:
    built = lab.ssh("homelab", "nix-build --no-out-link -", text=TOPLEVEL)
    assert built.returncode == 0, built.stderr
    system = built.stdout.strip()
    entry = f"linux /EFI/kernel\\noptions init={system}/init quiet\\n"
    lab.ssh(
        "homelab",
        f"nix-env -p /nix/var/nix/profiles/system --set {system}; cd /boot; mkdir -p loader/entries; touch EFI/kernel; "
        f"printf '{entry}' > loader/entries/nixos-generation-1.conf; printf 'options init=/none\\n' > loader/entries/z.conf; "
        "echo default nixos-generation-1.conf > loader/loader.conf",
    )
    assert lab("boots", "homelab").strip() == system
    lab("power-cycle", "homelab")
    found = lab.ssh("homelab", "readlink /run/current-system /run/booted-system; ls /run/stage-2-was-here").stdout
    assert found.split() == [system, system, "/run/stage-2-was-here"]
