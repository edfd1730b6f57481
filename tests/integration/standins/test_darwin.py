# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for a Mac's system activates as nix-darwin's own do."""

from __future__ import annotations

import time

from .conftest import Machine

# As `darwin-rebuild check` cannot be outdone: the script's first line clears the environment.
CHECK = "checkActivation=1 /bin/bash"
WITH_TICKING = '{ launchd.daemons.ticking = { script = "exec sleep 12345"; serviceConfig.RunAtLoad = true; }; }'


def test_anyone_else_is_refused(macbook: Machine) -> None:
    outcome = macbook.user(f"{macbook.system()}/activate")
    assert (outcome.rc, "`activate` must be run as root" in outcome.said) == (2, True)


def test_a_check_ends_before_it_looks_at_etc_and_after_what_runs_before_everything(macbook: Machine) -> None:
    system = macbook.system(
        '{ environment.etc.profile.text = "mine"; system.activationScripts.preActivation.text = "touch /tmp/pre"; }'
    )
    outcome = macbook.root(f"rm -f /tmp/pre; {CHECK} {system}/activate && ls /tmp/pre")
    assert (outcome.rc, "ok" in outcome.said) == (0, True), outcome.said


def test_a_step_that_fails_leaves_the_old_system_current(macbook: Machine) -> None:
    before = macbook.system()
    macbook.root(f"{before}/activate")
    system = macbook.system('{ system.activationScripts.postActivation.text = "exit 3"; }')
    assert macbook.root(f"{system}/activate").rc == 3
    assert macbook.says("readlink /run/current-system") == before


def test_a_job_that_runs_at_load_is_started_and_ends_with_the_system_that_had_it(macbook: Machine) -> None:
    macbook.says(f"{macbook.system(WITH_TICKING)}/activate")
    assert '"PID"' in until(macbook, "launchctl list org.nixos.ticking | grep PID")
    macbook.says(f"{macbook.system()}/activate")
    assert macbook.root("ls /Library/LaunchDaemons/org.nixos.ticking.plist").rc != 0
    assert macbook.root("ps -eo args | grep '[s]leep 12345'").rc == 1


def test_what_the_profile_stands_at_becomes_current_when_the_files_of_etc_change(macbook: Machine) -> None:
    old = macbook.system()
    macbook.says(
        f"/nix/var/nix/profiles/default/bin/nix-env --profile /nix/var/nix/profiles/system --set {old}; {old}/activate"
    )
    new = macbook.system('{ environment.etc."fleet/d".text = "x"; }')
    macbook.says(f"{new}/activate")
    until(macbook, f"readlink /etc/static | grep $(readlink -f {old}/etc) && test ! -e /etc/fleet/d")
    macbook.says(
        f"/nix/var/nix/profiles/default/bin/nix-env --profile /nix/var/nix/profiles/system --set {new}; {new}/activate"
    )
    time.sleep(1)
    assert macbook.says("readlink /run/current-system; cat /etc/fleet/d") == f"{new}\nx"


def test_booting_activates_what_the_profile_stands_at(macbook: Machine) -> None:
    system = macbook.system('{ environment.etc."fleet/e".text = "x"; }')
    macbook.says(
        f"/nix/var/nix/profiles/default/bin/nix-env --profile /nix/var/nix/profiles/system --set {system}; {system}/activate"
    )
    macbook.says("rm /etc/fleet/e")
    macbook.lab("power-cycle", "macbook")
    assert until(macbook, "readlink /run/current-system") == system
    assert until(macbook, "cat /etc/fleet/e") == "x"


def until(macbook: Machine, script: str) -> str:
    """Return what a script prints once it succeeds: launchd's jobs run beside whoever has loaded them."""
    for _try in range(100):
        outcome = macbook.root(script)
        if outcome.rc == 0:
            return outcome.said.strip()
        time.sleep(0.1)
    raise AssertionError(outcome.said)
