# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an activation does to NixOS, and says of it. What befalls it is in the table of faults."""

from __future__ import annotations

import pytest

from .conftest import PROFILES, Target, etc

FAILING_UNIT = 'systemd.services.bad = { wantedBy = [ "multi-user.target" ]; serviceConfig.ExecStart = "/bin/false"; };'


@pytest.fixture(scope="module")
def plain(vps: Target) -> str:
    """The system that the machine has before each test."""
    return vps.system()


@pytest.fixture(autouse=True)
def _before_and_after(vps: Target, plain: str) -> None:
    vps.lab("heal", vps.name)
    vps.root("rm -f /run/begun")
    settled = f"test ! -e /var/lib/nix.fleet/half_active && test {plain} = $(readlink /run/current-system)"
    if vps.root(f"{settled} && test {plain} = $(readlink -f {PROFILES[vps.name]})").rc:
        answer = vps.activate(plain)
        assert answer["outcome"] == "confirmed", answer
    assert vps.whole == plain


def test_a_new_system_runs_and_boots(vps: Target, plain: str) -> None:
    new = vps.system(etc("new"))
    answer = vps.activate(new, flake_revision="4f1e", flake_dirty=True, description="it's $(new)")
    assert (answer["outcome"], answer["changed"]) == ("confirmed", True)
    assert vps.whole == new
    assert answer["previous"]["closure"] == answer["previous"]["running"] == plain
    assert answer["journal"]["description"] == "it's $(new)"
    assert answer["generation"] == max(vps.generations)
    assert vps.leftovers == ""


def test_a_unit_that_fails(vps: Target, plain: str) -> None:
    bad = vps.system(f"{{ {FAILING_UNIT} }}")
    answer = vps.activate(bad)
    assert (answer["failed"], answer["outcome"], answer["units_failed"]) == (True, "confirmed", ["bad.service"])
    assert vps.whole == bad
    answer = vps.activate(bad)
    assert (answer["failed"], answer["units_failed"]) == (True, ["bad.service"])
    answer = vps.activate(bad, failed_units="ignore")
    assert (answer["failed"], answer["units_failed"]) == (False, ["bad.service"])


def test_another_init_comes_with_the_next_boot(vps: Target, plain: str) -> None:
    new = vps.system("({ pkgs, ... }: { systemd.package = pkgs.systemd // { interfaceVersion = 3; }; })")
    answer = vps.activate(new)
    assert (answer["outcome"], answer["reboot_required"], answer["running"]) == ("confirmed", True, plain)
    assert vps.activate(new)["outcome"] == "unchanged"
    vps.lab("reboot", vps.name)
    vps.wait_until("systemctl is-system-running --wait || :")
    assert vps.whole == new
    vps.activate(plain, goal="boot")
    vps.lab("reboot", vps.name)
    vps.wait_until("systemctl is-system-running --wait || :")


def test_goals_boot_and_test(vps: Target, plain: str) -> None:
    new = vps.system(etc("goal"))
    assert vps.activate(new, goal="boot")["running"] == plain
    assert vps.default == vps.boots == new
    assert vps.activate(rollback="previous", goal="boot")["default"] == plain
    assert vps.activate(new, goal="test")["running"] == new
    assert vps.default == plain


def test_a_closure_that_is_not_there_is_told_how_to_get_there(vps: Target, plain: str) -> None:
    answer = vps.activate("/nix/store/00000000000000000000000000000000-nixos-system-absent")
    assert (answer["outcome"], "nix_copy_closure" in answer["advice"]) == ("refused", True)
    assert vps.whole == plain


def test_a_profile_of_any_name(vps: Target, plain: str) -> None:
    profile = "/nix/var/nix/profiles/with space'quote\"$(touch x);reboot *ünï"
    options = {"platform": "custom", "profile": profile, "activate": "bin/switch-to-configuration"}
    answer = vps.activate(plain, **options)
    # Called without an action, the program only explains itself.
    assert (answer["outcome"], answer["exit_code"]) == ("failed", 1)
    assert vps.root("ls -d /x /root/x 2>/dev/null; ls /nix/var/nix/profiles | grep space").said == ""
    vps.says("rm -f /var/lib/nix.fleet/half_active")
