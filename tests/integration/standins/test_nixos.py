# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for a NixOS system switches as switch-to-configuration does."""

from __future__ import annotations

import pytest

from .conftest import Machine

SERVICE = 'systemd.services.extra = { wantedBy = [ "multi-user.target" ]; script = "sleep %d"; };'
PROFILE = "/nix/var/nix/profiles/system"
LOADER_CONF = "/boot/loader/loader.conf"
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


def test_what_a_system_no_longer_has_in_etc_goes_away_and_what_was_there_before_returns(
    vps: Machine, plain: str
) -> None:
    before = vps.says("cat /etc/motd")
    vps.switch(vps.system('{ users.motd = "Welcome"; environment.etc.secret = { text = "s"; mode = "0600"; }; }'))
    assert vps.says("cat /etc/motd; stat -c %a /etc/secret") == "Welcome600"
    vps.switch(plain)
    assert vps.says("cat /etc/motd") == before
    assert vps.root("test -e /etc/secret").rc == 1


def test_dry_activate_tells_and_does_nothing(vps: Machine, plain: str) -> None:
    system = vps.system(f'{{ {SERVICE % 1002} systemd.services.page.environment.A = "1"; }}')
    outcome = vps.switch(system, "dry-activate")
    assert outcome.rc == 0
    assert "would restart the following units: page.service" in outcome.said
    assert "extra.service" not in outcome.said
    assert (running(vps), vps.boots) == (plain, plain)


def test_a_unit_that_fails_is_exit_code_4(vps: Machine) -> None:
    system = vps.system(f"{{ {FAILING} }}")
    outcome = vps.switch(system)
    assert outcome.rc == 4
    assert "warning: the following units failed: bad.service" in outcome.said
    assert running(vps) == system


def test_a_user_whose_units_fail_is_exit_code_4(vps: Machine, plain: str) -> None:
    user = """users=$(grep -c ^resident: /etc/passwd) || useradd resident; loginctl enable-linger resident
      until test -S /run/user/$(id -u resident)/bus; do sleep 0.1; done"""
    vps.says(user)
    try:
        good = vps.switch(
            vps.system('{ systemd.user.services.own = { wantedBy = [ "default.target" ]; script = "sleep 999"; }; }')
        )
        assert (good.rc, "reloading user units for resident...\n" in good.said) == (0, True)
        bad = vps.switch(
            vps.system(
                '{ systemd.user.services.own = { wantedBy = [ "default.target" ]; serviceConfig = { Type = "oneshot"; ExecStart = "/bin/false"; }; }; }'
            )
        )
        assert bad.rc == 4
        assert "warning: the following user units failed: own.service" in bad.said
        assert "warning: user activation for resident failed" in bad.said
        vps.says("rm /run/user/$(id -u resident)/bus")
        outcome = vps.switch(plain)
        assert (outcome.rc, "warning: user activation for resident failed" in outcome.said) == (4, True)
    finally:
        vps.says("loginctl disable-linger resident; loginctl terminate-user resident || :")
        vps.says("until ! loginctl list-users | grep resident; do sleep 0.1; done")


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


def test_the_boot_loader_is_installed_when_asked_for_and_missed_otherwise(vps: Machine, plain: str) -> None:
    vps.says("rm -r /boot/EFI/systemd")
    outcome = vps.switch(plain)
    assert (outcome.rc, "Could not find any previously installed systemd-boot" in outcome.said) == (1, True)
    assert "Failed to install bootloader" in outcome.said
    assert vps.switch(plain, variables="NIXOS_INSTALL_BOOTLOADER=1").rc == 0
    assert vps.says("ls /boot/EFI/systemd") == "systemd-bootx64.efi"
    assert vps.boots == plain


def test_each_generation_has_an_entry_and_its_files_until_it_goes(vps: Machine, plain: str) -> None:
    before = only(vps, plain)
    system = vps.system(f"{{ imports = [ {KERNEL} ]; specialisation.other.configuration = {{ }}; }}")
    assert vps.switch(system, "boot").rc == 0
    number = vps.says(f"readlink {PROFILE}").split("-")[1]
    entry = vps.says(f"cat /boot/loader/entries/nixos-generation-{number}.conf")
    assert f"options init={system}/init " in f"{entry} "
    other = vps.says(f"cat /boot/loader/entries/nixos-generation-{number}-specialisation-other.conf")
    assert f"options init={vps.says(f'readlink {system}/specialisation/other')}/init" in other
    assert vps.says(f"sed -n 's/^default //p' {LOADER_CONF}") == f"nixos-generation-{number}.conf"
    assert vps.boots == system
    after = only(vps, plain)
    assert (vps.boots, kernels(after), kernels(after) != []) == (plain, kernels(before), True)
    assert after.count("nixos-generation-") == 1


def test_a_specialisation_runs_and_does_not_become_the_boot_default(vps: Machine) -> None:
    system = vps.system('{ specialisation.other.configuration.environment.etc.other.text = "yes"; }')
    vps.switch(system)
    other = vps.says(f"readlink {system}/specialisation/other")
    assert vps.root(f"{other}/bin/switch-to-configuration switch").rc == 0
    assert (running(vps), vps.boots) == (other, system)


def test_a_default_beyond_the_limit_of_configurations_is_not_written(vps: Machine, plain: str) -> None:
    limited = vps.system("{ boot.loader.systemd-boot.configurationLimit = 1; }")
    vps.switch(limited)
    vps.switch(vps.system('{ environment.etc.newer.text = ""; boot.loader.systemd-boot.configurationLimit = 1; }'))
    newer = vps.boots
    outcome = vps.root(f"nix-env --profile {PROFILE} --rollback && {limited}/bin/switch-to-configuration boot")
    assert (outcome.rc, vps.boots) == (0, newer)
    assert vps.says("ls /boot/loader/entries | wc -l") == "1"


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


def test_a_loader_conf_for_which_there_was_no_space_fails_each_later_attempt(vps: Machine, plain: str) -> None:
    vps.lab("fill-disk", "--boot", vps.name)
    system = vps.system('{ environment.etc.different.text = ""; }')
    outcome = vps.root(f"rm /boot/loader/entries/*; nix-env --profile {PROFILE} --set {system}; exit 0")
    try:
        # Each entry takes a page: with as many as there are generations, loader.conf is what has no space.
        entries = vps.says(f"ls -d {PROFILE}-*-link | wc -l")
        vps.lab("fill-disk", "--boot", "--leave", str(int(entries) * 4096 / 1048576), vps.name)
        outcome = vps.root(f"{system}/bin/switch-to-configuration boot")
        assert (outcome.rc, "No space left on device" in outcome.said) == (1, True)
        assert vps.says("stat -c %s /boot/loader/loader.tmp") == "0"
    finally:
        vps.lab("free-disk", "--boot", vps.name)
    outcome = vps.root(f"{system}/bin/switch-to-configuration boot")
    assert (outcome.rc, "FileExistsError" in outcome.said) == (1, True)
    vps.says("rm /boot/loader/loader.tmp")
    assert vps.root(f"{system}/bin/switch-to-configuration boot").rc == 0
    assert vps.boots == system


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


def test_it_refuses_a_machine_that_is_no_nixos(vps: Machine, plain: str) -> None:
    attempt = f"{plain}/bin/switch-to-configuration test; rc=$?"
    outcome = vps.root(f"mv /etc/NIXOS /etc/was; {attempt}; mv /etc/was /etc/NIXOS; exit $rc")
    assert (outcome.rc, "This is not a NixOS installation!" in outcome.said) == (2, True)
