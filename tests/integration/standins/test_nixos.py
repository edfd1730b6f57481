# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for a NixOS system switches as switch-to-configuration does."""

from __future__ import annotations

import pytest

from .conftest import Machine

PROFILE = "/nix/var/nix/profiles/system"
KERNEL = "({ pkgs, ... }: { boot.kernelPackages = pkgs.linuxPackages_latest; })"
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


def only(vps: Machine, system: str) -> str:
    """Have a system as the profile's only generation, and return what the ESP has then."""
    generations = f"nix-env --profile {PROFILE} --set {system}; nix-env --profile {PROFILE} --delete-generations old"
    return vps.says(
        f"{generations}; {system}/bin/switch-to-configuration boot && ls /boot/EFI/nixos /boot/loader/entries"
    )


def kernels(listing: str) -> list[str]:
    """Return the kernels and initrds of a listing of the ESP, and what was left of them."""
    return [line for line in listing.splitlines() if ".efi" in line]


def test_dry_activate_tells_and_does_nothing(vps: Machine, plain: str) -> None:
    system = vps.system('{ systemd.services.page.environment.A = "1"; }')
    outcome = vps.switch(system, "dry-activate")
    assert outcome.rc == 0
    assert "would restart the following units: page.service" in outcome.said
    assert (running(vps), vps.boots) == (plain, plain)


def test_a_unit_that_fails_is_exit_code_4(vps: Machine) -> None:
    system = vps.system(f"{{ {FAILING} }}")
    outcome = vps.switch(system)
    assert outcome.rc == 4
    assert "warning: the following units failed: bad.service" in outcome.said
    assert running(vps) == system


def test_of_a_users_units_those_that_changed_are_told_when_they_fail_and_new_ones_are_not(vps: Machine) -> None:
    vps.says(
        "id bob || useradd -m bob; loginctl enable-linger bob; until test -S /run/user/$(id -u bob)/bus; do sleep 0.1; done"
    )
    unit = '{ systemd.user.services.mine = { wantedBy = [ "default.target" ]; serviceConfig = { %s }; }; }'
    failing = vps.system(unit % 'Type = "oneshot"; ExecStart = "/bin/false";')
    assert vps.switch(failing).rc == 0
    assert vps.switch(vps.system(unit % 'ExecStart = "/bin/sleep 1000";')).rc == 0
    outcome = vps.switch(failing)
    vps.says("loginctl disable-linger bob; systemctl stop user@$(id -u bob)")
    assert (outcome.rc, "the following user units failed: mine.service" in outcome.said) == (4, True), outcome


def test_a_script_that_fails_is_exit_code_2_and_the_others_still_run(vps: Machine) -> None:
    system = vps.system('{ system.activationScripts = { a-bad = "false"; z-good = "echo still here"; }; }')
    outcome = vps.switch(system)
    assert outcome.rc == 2
    assert "Activation script snippet 'a-bad' failed (1)" in outcome.said
    assert "still here" in outcome.said


def test_another_init_is_exit_code_100_and_comes_with_the_next_boot(vps: Machine, plain: str) -> None:
    system = vps.system("({ pkgs, ... }: { systemd.package = pkgs.systemd // { interfaceVersion = 3; }; })")
    assert vps.switch(system).rc == 100
    assert (running(vps), vps.boots) == (plain, system)
    vps.lab("reboot", vps.name)
    vps.says("systemctl is-system-running --wait")
    assert running(vps) == system
    assert vps.switch(plain).rc == 100
    vps.lab("reboot", vps.name)


def test_a_check_that_fails_stops_all_unless_told_not_to_check(vps: Machine, plain: str) -> None:
    system = vps.system("{ system.preSwitchChecks.never = ''echo no: $1 $2; false''; }")
    for action in ("switch", "boot", "test", "dry-activate", "check"):
        outcome = vps.switch(system, action)
        assert outcome.rc == 1
        assert f"no: {system} {action}\nPre-switch check 'never' failed\nPre-switch checks failed" in outcome.said
    assert (running(vps), vps.boots) == (plain, plain)
    assert vps.switch(system, variables="NIXOS_NO_CHECK=1").rc == 0


def test_a_full_esp_leaves_the_default_as_it_was(vps: Machine, plain: str) -> None:
    before = only(vps, plain)
    system = vps.system(KERNEL)
    vps.lab("fill-disk", "--boot", "--leave", "1", vps.name)
    try:
        outcome = vps.switch(system)
        assert (outcome.rc, "OSError: [Errno 28] No space left on device" in outcome.said) == (1, True)
        assert "Failed to install bootloader" in outcome.said
        assert (running(vps), vps.boots) == (plain, plain)
        # What was written of the kernel stays, and goes with the next attempt.
        assert vps.says("ls /boot/EFI/nixos/*.tmp. | wc -l") == "1"
        assert kernels(only(vps, plain)) == kernels(before)
    finally:
        vps.lab("free-disk", "--boot", vps.name)
    assert vps.boots == plain


def test_a_component_that_cannot_change_in_a_running_system_inhibits_the_switch(vps: Machine, plain: str) -> None:
    system = vps.system('{ services.dbus.implementation = "dbus"; }')
    for action in ("switch", "test", "check"):
        outcome = vps.switch(system, action)
        assert outcome.rc == 1
        assert "\n\ndbus-implementation : broker -> dbus\n\n" in outcome.said
        assert "Pre-switch check 'switchInhibitors' failed\nPre-switch checks failed" in outcome.said
    assert (running(vps), vps.boots) == (plain, plain)
    assert vps.switch(system, "dry-activate").rc == 0
    assert vps.switch(system, "boot").rc == 0
    assert (running(vps), vps.boots) == (plain, system)
    assert vps.switch(system, variables="NIXOS_NO_CHECK=1").rc == 0
    assert vps.switch(plain, variables="NIXOS_NO_CHECK=1").rc == 0


@pytest.mark.parametrize("action", ["switch", "boot", "test", "dry-activate", "check"])
def test_while_one_is_at_work_every_other_is_turned_away(vps: Machine, plain: str, action: str) -> None:
    system = vps.system("{ system.preSwitchChecks.never = ''echo checked''; }")
    held = "flock /run/nixos/switch-to-configuration.lock"
    outcome = vps.root(f"NIXOS_INSTALL_BOOTLOADER=1 {held} {system}/bin/switch-to-configuration {action}")
    assert (outcome.rc, outcome.said.strip()) == (11, "Could not acquire lock")
    assert (running(vps), vps.boots) == (plain, plain)
