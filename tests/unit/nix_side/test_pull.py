# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that follow their own branch: each platform's module, and the supervisor as a program of the host's own."""

from __future__ import annotations

import json
import shlex
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import journal_entry
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.info import drift_of
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms
from ansible_collections.nix.fleet.plugins.plugin_utils.target.programs import program, without_comments

from .conftest import ROOT, STAND_INS, Nix

PULL = ROOT / "nix" / "pull"
REPOSITORY = "git+https://git.example.org/fleet"
# What the modules set of each platform, without the platform. Those of NixOS are held to what nixpkgs declares.
AUTO_UPGRADE = (
    "enable flake flags dates randomizedDelaySec fixedRandomDelay persistent allowReboot rebootWindow".split()
)
OPTIONS = """{ lib, ... }: {
  options = lib.genAttrs [ "launchd" "systemd" "system" ] (_: lib.mkOption { type = lib.types.attrsOf lib.types.anything; default = { }; })
    // { networking.hostName = lib.mkOption { default = "web"; }; home.username = lib.mkOption { default = "alice"; };
         assertions = lib.mkOption { type = lib.types.listOf lib.types.raw; default = [ ]; }; };
}"""


def config(nix: Nix, platform: str, settings: str, wanted: str) -> t.Any:
    """Return what the module of a platform makes of settings."""
    modules = (
        f'({PULL}/{platform}.nix) ({OPTIONS}) {{ nix-fleet.pull = {{ repository = "{REPOSITORY}"; }} // {settings}; }}'
    )
    arguments = "{ _module.args.pkgs.writeText = name: text: builtins.toFile name text; }"
    return nix.evaluate(
        f"let l = import {STAND_INS}/nixpkgs/lib; in with l; "
        f"let config = (evalModules {{ modules = [ {modules} {arguments} ]; }}).config; in {wanted}"
    )


def test_nixos_follows_its_own_branch_at_a_time_of_its_own_and_reboots_in_a_window(nix: Nix) -> None:
    settings = '{ enable = true; allowReboot = true; rebootWindow = { lower = "01:00"; upper = "05:00"; }; }'
    made = config(nix, "nixos", settings, "config.system.autoUpgrade")
    assert sorted(made) == sorted(AUTO_UPGRADE)
    assert made["flake"] == f"{REPOSITORY}?ref=nixos-tested-web#web"
    assert (made["randomizedDelaySec"], made["fixedRandomDelay"], made["persistent"]) == ("45min", True, True)
    assert (made["allowReboot"], made["rebootWindow"]) == (True, {"lower": "01:00", "upper": "05:00"})


def test_a_host_that_does_not_ask_for_it_follows_nothing(nix: Nix) -> None:
    assert config(nix, "nixos", "{ }", "config.system") == {}


def test_an_upgrade_of_nixos_is_noted_where_status_looks_and_is_no_drift(nix: Nix, tmp_path: Path) -> None:
    service = config(nix, "nixos", "{ enable = true; }", "config.systemd.services.nixos-upgrade.serviceConfig")
    words = service["ExecStartPost"].split()
    assert words[2:] == ["/var/lib/nix.fleet", "/nix/var/nix/profiles/system", "/run/current-system"]
    (old, new) = systems = [tmp_path / "store" / name for name in ("old", "new")]
    for system in systems:
        system.mkdir(parents=True)
    profile, running, journal = tmp_path / "system", tmp_path / "running", tmp_path / "journal.jsonl"
    for link, end in ((tmp_path / "system-7-link", new), (profile, "system-7-link"), (running, old)):
        link.symlink_to(end)

    def facts() -> dict[str, t.Any]:
        subprocess.run(["sh", PULL / "upgraded.sh", tmp_path, profile, running], check=True)
        lines = journal.read_text().splitlines() if journal.exists() else []
        return {
            "profile": str(profile),
            "default": str(profile.resolve()),
            "current_system": str(running.resolve()),
            "journal": [entry for line in lines if (entry := journal_entry(line))],
        }

    assert facts()["journal"] == []
    deployed = {"outcome": "activated", "goal": "switch", "profile": str(profile), "to": {"closure": str(old)}}
    journal.write_text(json.dumps(deployed))
    waits = facts()
    assert [entry["goal"] for entry in waits["journal"]] == ["switch", "boot"]
    assert waits["journal"][-1]["to"] == {"generation": 7, "closure": str(new)}
    assert drift_of(waits) is None
    # An upgrade that finds nothing new says nothing new.
    assert len(facts()["journal"]) == 2
    running.unlink()
    running.symlink_to(new)
    assert drift_of(facts()) is None


def test_a_mac_follows_by_launchd(nix: Nix) -> None:
    daemon = config(nix, "darwin", '{ enable = true; dates = "08:05"; }', "config.launchd.daemons.nix-fleet-pull")
    assert daemon["serviceConfig"]["StartCalendarInterval"] == [{"Hour": 8, "Minute": 5}]
    # What it has started goes on when a new system changes this job.
    assert daemon["serviceConfig"]["AbandonProcessGroup"] is True
    assert f"{REPOSITORY}?ref=nixos-tested-web 'darwinConfigurations.\"web\".system' 2700" in daemon["script"]


def test_a_home_follows_by_the_systemd_of_its_user(nix: Nix) -> None:
    user = config(nix, "home-manager", '{ enable = true; host = "desk"; }', "config.systemd.user")
    command = user["services"]["nix-fleet-pull"]["Service"]["ExecStart"]
    assert f"{REPOSITORY}?ref=nixos-tested-desk" in command
    assert 'homeConfigurations.\\"alice@desk\\".activationPackage' in command
    assert user["timers"]["nix-fleet-pull"]["Timer"]["RandomizedDelaySec"] == "45min"


@pytest.mark.parametrize(
    "setting",
    [
        'branch = "a b"',
        'branch = "$(id)"',
        'branch = "a;b"',
        'repository = "x?dir=y&z"',
        'configuration = "it\'s"',
        r'configuration = "a\"b"',
    ],
)
def test_what_a_shell_would_take_for_its_own_is_refused(nix: Nix, setting: str) -> None:
    holds = f"{{ enable = true; {setting}; }}"
    assert config(nix, "nixos", holds, "builtins.all (each: each.assertion) config.assertions") is False


def test_a_time_that_launchd_does_not_know_is_refused(nix: Nix) -> None:
    settings = '{ enable = true; dates = "weekly"; }'
    assert config(nix, "darwin", settings, "builtins.all (each: each.assertion) config.assertions") is False


@pytest.mark.parametrize("platform", ["darwin", "home-manager"])
def test_the_program_has_the_parts_that_a_deployment_is_sent_in_the_same_order(nix: Nix, platform: str) -> None:
    file = platform.replace("-", "_")
    text = nix.evaluate(f'import {PULL}/program.nix {{ platform = "{file}"; }}')
    (sent,) = shlex.split(text.partition(f"\nplatform_name={platform}\n")[0])
    functions = sent.removeprefix("functions=")
    assert without_comments(functions) == program("deployment", platforms()[platform])
    # What a variable of the environment may have, on Linux.
    assert len(functions.encode()) < 128 << 10
    assert text.endswith('pull "$@"\n')
    checked = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
