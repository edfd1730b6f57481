# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for a Mac's system activates as nix-darwin's own do."""

from __future__ import annotations

from .conftest import Machine


def test_root_activates_all_of_it(macbook: Machine) -> None:
    system = macbook.system('{ environment.etc."fleet/a".text = "x"; }')
    outcome = macbook.root(f"{system}/activate")
    assert outcome.rc == 0, outcome.said
    assert macbook.says("readlink /run/current-system; cat /etc/fleet/a") == f"{system}\nx"
    assert "org.nixos.greeting" in macbook.says("cat /Library/LaunchDaemons/org.nixos.greeting.plist")


def test_anyone_else_is_refused(macbook: Machine) -> None:
    outcome = macbook.user(f"{macbook.system()}/activate")
    assert (outcome.rc, "`activate` must be run as root" in outcome.said) == (2, True)


def test_its_environment_is_its_own(macbook: Machine) -> None:
    system = macbook.system('{ system.activationScripts.preActivation.text = "echo \\"<$HOME $USER $OTHER>\\""; }')
    assert "</var/root root >" in macbook.root(f"OTHER=x HOME=/tmp {system}/activate").said


def test_a_check_activates_nothing(macbook: Machine) -> None:
    macbook.root(f"{macbook.system()}/activate")
    before = macbook.says("readlink /run/current-system")
    system = macbook.system('{ environment.etc."fleet/b".text = "x"; }')
    assert macbook.root(f"checkActivation=1 {system}/activate").rc == 0
    assert macbook.says("readlink /run/current-system") == before


def test_files_in_etc_that_are_not_known_stop_it(macbook: Machine) -> None:
    system = macbook.system('{ environment.etc.profile.text = "mine"; }')
    outcome = macbook.root(f"{system}/activate")
    assert (outcome.rc, "error: Unexpected files in /etc, aborting activation" in outcome.said) == (2, True)


def test_a_step_that_fails_leaves_the_old_system_current(macbook: Machine) -> None:
    before = macbook.system()
    macbook.root(f"{before}/activate")
    system = macbook.system('{ system.activationScripts.postActivation.text = "exit 3"; }')
    assert macbook.root(f"{system}/activate").rc == 3
    assert macbook.says("readlink /run/current-system") == before


def test_what_is_left_of_user_activation_says_so_in_its_second_line(macbook: Machine) -> None:
    assert macbook.says(f"sed -n 2p {macbook.system()}/activate-user") == "# nix-darwin: deprecated"
