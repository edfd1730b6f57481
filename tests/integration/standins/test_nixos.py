# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for a NixOS system switches as switch-to-configuration does."""

from __future__ import annotations

import pytest

from .conftest import Machine

SERVICE = 'systemd.services.extra = { wantedBy = [ "multi-user.target" ]; script = "sleep %d"; };'
FAILING = 'systemd.services.bad = { wantedBy = [ "multi-user.target" ]; serviceConfig.ExecStart = "/bin/false"; };'


@pytest.fixture(scope="module")
def plain(vps: Machine) -> str:
    """Return the example's own system."""
    return vps.system()


@pytest.fixture(autouse=True)
def _running_the_plain_system(vps: Machine, plain: str) -> None:
    assert vps.switch(plain).rc == 0


def running(vps: Machine) -> str:
    return vps.says("readlink /run/current-system")


def boot_default(vps: Machine) -> str:
    return vps.says("cat /boot/loader/default")


def test_the_page_is_served(vps: Machine) -> None:
    assert "<h1>Hello from vps-sg-1</h1>" in vps.says("busybox wget -qO- http://127.0.0.1/")


def test_switch_changes_the_running_system_and_the_boot_default(vps: Machine) -> None:
    system = vps.system('{ environment.etc."fleet/here".text = "yes"; }')
    assert vps.switch(system).rc == 0
    assert (running(vps), boot_default(vps), vps.says("cat /etc/fleet/here")) == (system, system, "yes")


def test_what_a_system_no_longer_has_in_etc_goes_away_and_what_was_there_before_returns(
    vps: Machine, plain: str
) -> None:
    before = vps.says("cat /etc/motd")
    vps.switch(vps.system('{ users.motd = "Welcome"; environment.etc.secret = { text = "s"; mode = "0600"; }; }'))
    assert vps.says("cat /etc/motd; stat -c %a /etc/secret") == "Welcome600"
    vps.switch(plain)
    assert vps.says("cat /etc/motd") == before
    assert vps.root("test -e /etc/secret").rc == 1


def test_test_leaves_the_boot_default_alone(vps: Machine, plain: str) -> None:
    system = vps.system(f"{{ {SERVICE % 1000} }}")
    assert "the following new units were started: extra.service" in vps.switch(system, "test").said
    assert (running(vps), boot_default(vps)) == (system, plain)


def test_boot_leaves_the_running_system_alone_until_the_machine_restarts(vps: Machine, plain: str) -> None:
    system = vps.system(f"{{ {SERVICE % 1001} }}")
    assert vps.switch(system, "boot").rc == 0
    assert (running(vps), boot_default(vps)) == (plain, system)
    vps.lab("power-cycle", vps.name)
    vps.says("systemctl is-system-running --wait")
    assert vps.says("readlink /run/current-system /run/booted-system; systemctl is-active extra page").split() == [
        system,
        system,
        "active",
        "active",
    ]


def test_dry_activate_tells_and_does_nothing(vps: Machine, plain: str) -> None:
    system = vps.system(f'{{ {SERVICE % 1002} systemd.services.page.environment.A = "1"; }}')
    outcome = vps.switch(system, "dry-activate")
    assert outcome.rc == 0
    assert "would restart the following units: page.service" in outcome.said
    assert "would start the following units: extra.service" in outcome.said
    assert (running(vps), boot_default(vps)) == (plain, plain)


def test_changed_units_restart_and_removed_ones_stop(vps: Machine, plain: str) -> None:
    vps.switch(vps.system(f"{{ {SERVICE % 1003} }}"))
    changed = vps.switch(vps.system(f"{{ {SERVICE % 1004} }}"))
    assert "stopping the following units: extra.service" in changed.said
    assert "starting the following units: extra.service" in changed.said
    assert "stopping the following units: extra.service" in vps.switch(plain).said
    assert vps.root("systemctl is-active extra").rc != 0


def test_a_unit_that_fails_is_exit_code_4(vps: Machine) -> None:
    system = vps.system(f"{{ {FAILING} }}")
    outcome = vps.switch(system)
    assert outcome.rc == 4
    assert "warning: the following units failed: bad.service" in outcome.said
    assert running(vps) == system


def test_a_script_that_fails_is_exit_code_2_and_the_others_still_run(vps: Machine) -> None:
    system = vps.system('{ system.activationScripts = { a-bad = "false"; z-good = "echo still here"; }; }')
    outcome = vps.switch(system)
    assert outcome.rc == 2
    assert "Activation script snippet 'a-bad' failed (1)" in outcome.said
    assert "still here" in outcome.said


def test_another_init_is_exit_code_100_and_comes_with_the_next_boot(vps: Machine, plain: str) -> None:
    system = vps.system("({ pkgs, ... }: { systemd.package = pkgs.systemd // { interfaceVersion = 3; }; })")
    assert vps.switch(system).rc == 100
    assert (running(vps), boot_default(vps)) == (plain, system)
    vps.lab("reboot", vps.name)
    vps.says("systemctl is-system-running --wait")
    assert running(vps) == system
    assert vps.switch(plain).rc == 100
    vps.lab("reboot", vps.name)


def test_a_check_that_fails_stops_all_unless_told_not_to_check(vps: Machine, plain: str) -> None:
    system = vps.system('{ system.preSwitchChecks.never = "false"; }')
    assert vps.switch(system).rc == 1
    assert (running(vps), boot_default(vps)) == (plain, plain)
    assert vps.switch(system, variables="NIXOS_NO_CHECK=1").rc == 0


def test_the_boot_loader_is_installed_when_asked_for(vps: Machine, plain: str) -> None:
    assert vps.root("test -e /boot/EFI").rc == 1
    vps.switch(plain, variables="NIXOS_INSTALL_BOOTLOADER=1")
    assert vps.says("cat /boot/loader/installations") == plain


def test_two_at_once_wait_for_each_other(vps: Machine, plain: str) -> None:
    slow = vps.system('{ system.activationScripts.slow = "sleep 2"; }')
    script = f"""
      {slow}/bin/switch-to-configuration test & sleep 0.5
      began=$(date +%s); {plain}/bin/switch-to-configuration check; echo "waited $(( $(date +%s) - began ))"; wait
    """
    assert int(vps.says(script).rsplit("waited ", 1)[1].split()[0]) >= 1


def test_it_refuses_a_machine_that_is_no_nixos(vps: Machine, plain: str) -> None:
    attempt = f"{plain}/bin/switch-to-configuration test; rc=$?"
    outcome = vps.root(f"mv /etc/NIXOS /etc/was; {attempt}; mv /etc/was /etc/NIXOS; exit $rc")
    assert (outcome.rc, "This is not a NixOS installation!" in outcome.said) == (1, True)
