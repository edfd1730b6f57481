# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix-darwin's own daemon makes current what the profile stands at, and its activation cleans up after what is current."""

from __future__ import annotations

import json

import pytest

from .conftest import ROOT, Target

STATE = "/var/lib/nix.fleet"
DAEMONS = "/Library/LaunchDaemons"
ETC = '{ environment.etc."fleet/%s".text = "x"; }'
TICKING = '{ launchd.daemons.ticking = { script = "exec sleep 54321"; serviceConfig.RunAtLoad = true; }; }'
FAILS = '{ system.activationScripts.postActivation.text = "exit 3"; }'
NO_ACCESS = """{ system.checks.text = ''
  printf '\\\\e[1;31merror: users cannot be create over SSH without Full Disk Access, aborting activation\\\\e[0m\\\\n' >&2
  printf 'You can either: …\\\\n' >&2
  exit 1
''; }"""


@pytest.fixture
def plain(macbook: Target) -> str:
    """The system that the Mac runs before each test."""
    macbook.says("rm -rf /etc/fleet/mine* /tmp/pre")
    plain = macbook.system()
    answer = macbook.activate(plain)
    assert answer["outcome"] in ("confirmed", "unchanged"), answer
    return plain


def both(*modules: str) -> str:
    imports = " ".join(f"({module})" for module in modules)
    return f"{{ imports = [ {imports} ]; }}"


def running(macbook: Target, service: str) -> bool:
    return macbook.root(f"launchctl list org.nixos.{service}").rc == 0


def test_a_file_of_etc_that_comes_or_goes_is_deployed_and_stays(macbook: Target, plain: str) -> None:
    new = macbook.system(ETC % "comes")
    answer = macbook.activate(new)
    assert answer["outcome"] == "confirmed", answer
    assert macbook.current_state == (new, new)
    assert macbook.says("cat /etc/fleet/comes") == "x"
    assert macbook.activate(rollback="previous")["outcome"] == "confirmed"
    assert macbook.current_state == (plain, plain)
    assert macbook.root("ls /etc/fleet/comes").rc != 0


def test_services_of_a_system_that_failed_half_way_are_gone_when_the_machine_is_back(
    macbook: Target, plain: str
) -> None:
    answer = macbook.activate(macbook.system(both(TICKING, FAILS, ETC % "half")))
    assert (answer["outcome"], answer["exit_code"]) == ("rolled_back", 3), answer
    assert macbook.current_state == (plain, plain)
    assert not running(macbook, "ticking")
    assert macbook.root(f"ls {DAEMONS}/org.nixos.ticking.plist /etc/fleet/half").rc != 0
    assert macbook.root("ps -eo args | grep '[s]leep 54321'").rc == 1
    assert "left of it" not in answer["cause"]


def test_what_is_left_of_a_failed_system_is_told(macbook: Target, plain: str) -> None:
    # What has no file any more cannot be unloaded as nix-darwin does.
    mess = f'{{ system.activationScripts.postActivation.text = "rm {DAEMONS}/org.nixos.ticking.plist; exit 3"; }}'
    answer = macbook.activate(macbook.system(both(TICKING, mess)))
    macbook.says("launchctl end org.nixos.ticking")
    assert answer["outcome"] == "rolled_back", answer
    assert "the service org.nixos.ticking" in answer["cause"]


def test_what_is_in_the_way_in_etc_is_told_before_anything_is_touched(macbook: Target, plain: str) -> None:
    macbook.says("mkdir -p /etc/fleet; echo mine >/etc/fleet/mine")
    system = macbook.system(both(ETC % "mine", '{ system.activationScripts.preActivation.text = "touch /tmp/pre"; }'))
    predicted = macbook.activate(system, "--check")
    assert (predicted["outcome"], "/etc/fleet/mine" in predicted["cause"]) == ("refused", True), predicted
    assert macbook.root("ls /tmp/pre").rc != 0
    dry = macbook.activate(system, goal="dry-activate")
    assert (dry["outcome"], "/etc/fleet/mine" in dry["cause"]) == ("refused", True), dry
    assert "before-nix-darwin" in dry["advice"]
    answer = macbook.activate(system)
    assert (answer["outcome"], "/etc/fleet/mine" in answer["cause"]) == ("refused", True), answer
    assert "before-nix-darwin" in answer["advice"]
    assert macbook.current_state == (plain, plain)
    assert macbook.says("cat /etc/fleet/mine") == "mine"


def test_what_the_checks_of_nix_darwin_refuse_touches_nothing_and_names_the_setting(
    macbook: Target, plain: str
) -> None:
    answer = macbook.activate(macbook.system(both(NO_ACCESS, ETC % "access")))
    assert (answer["outcome"], "without Full Disk Access, aborting" in answer["cause"]) == ("refused", True), answer
    assert "Allow full disk access for remote users" in answer["advice"]
    assert macbook.current_state == (plain, plain)


def test_a_pull_that_changes_its_own_job_comes_to_its_end(macbook: Target, plain: str) -> None:
    pull = 'nix-fleet.pull = { enable = true; repository = "git+https://git.example.org/x"; randomDelay = 0; dates = "%s"; };'
    first, second = (
        macbook.system(f"{{ imports = [ {ROOT}/nix/pull/darwin.nix ]; {pull % time} }}") for time in ("04:40", "05:50")
    )
    assert macbook.activate(first)["outcome"] == "confirmed"
    # In the place of what fetches and builds.
    macbook.says(
        f"""
        printf '#!/bin/sh\\ncase " $* " in *" build "*) echo {second} ;; esac\\n' >/usr/bin/nix; chmod 755 /usr/bin/nix
        launchctl kickstart system/org.nixos.nix-fleet-pull
        """
    )
    macbook.wait_until(f"tail -n 1 {STATE}/journal.jsonl | grep pulled", 90)
    macbook.says("rm /usr/bin/nix")
    entry = json.loads(macbook.says(f"tail -n 1 {STATE}/journal.jsonl"))
    assert (entry["outcome"], macbook.current_state) == ("activated", (second, second)), entry
    assert running(macbook, "nix-fleet-pull")


@pytest.mark.thorough
def test_a_dry_run_says_that_it_has_run_what_comes_before_the_checks(macbook: Target, plain: str) -> None:
    answer = macbook.activate(macbook.system(ETC % "dry"), goal="dry-activate")
    assert (answer["outcome"], answer["exit_code"], "preActivation" in answer["log"]) == ("unchanged", 0, True), answer
