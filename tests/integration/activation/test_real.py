# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real platforms are deployed and gone back to, where variables name them; without one, the test says what it lacks."""

from __future__ import annotations

import os
import typing as t

import pytest

from ...lab.rehearsal.real_flakes import what_lacks
from .conftest import DIFFERENT, STEP, Target, etc, script


def needs(variable: str) -> pytest.MarkDecorator:
    """Skip what has nothing real to try, and say what it would need."""
    reason = what_lacks(variable)
    return pytest.mark.skipif(bool(reason), reason=reason)


@pytest.fixture
def host(request: pytest.FixtureRequest) -> Target:
    host: Target = request.getfixturevalue(request.param)
    return host


def deployed(host: Target, closure: str) -> dict[str, t.Any]:
    """Deploy a closure that is none of the host's yet, or the one that it has."""
    answer = host.activate(closure)
    assert answer["outcome"] in ("confirmed", "unchanged"), answer
    assert host.activate(closure)["outcome"] == "unchanged"
    return answer


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("workstation", marks=needs("LAB_HOME_MANAGER")),
        pytest.param("macbook", marks=needs("LAB_NIX_DARWIN")),
        pytest.param("phone", marks=needs("LAB_NIX_ON_DROID")),
    ],
    indirect=True,
)
def test_a_real_platform_is_deployed_and_gone_back_to(host: Target) -> None:
    deployed(host, host.system())
    new = host.system(DIFFERENT[host.name] % "real")
    deployed(host, new)
    answer = host.activate(host.system(STEP[host.name] % "(exit 3)"))
    assert (answer["outcome"], answer["exit_code"]) == ("rolled_back", 3), answer
    assert host.current_state == (new, new)


@needs("LAB_SWITCH_TO_CONFIGURATION")
@pytest.mark.skipif(
    "LAB_NIXPKGS" in os.environ, reason="LAB_NIXPKGS has to be unset: the stand-in's system takes the program"
)
def test_the_real_switch_to_configuration_switches_and_goes_back(vps: Target) -> None:
    deployed(vps, vps.system())
    new = vps.system(etc("real"))
    assert "switch-to-configuration.sh" not in vps.says(f"cat {new}/bin/switch-to-configuration")
    deployed(vps, new)
    assert vps.whole == new
    answer = vps.activate(vps.system(script("false", "wrong")))
    assert (answer["outcome"], "snippet wrong failed" in answer["cause"]) == ("rolled_back", True), answer
    assert vps.whole == new


@needs("LAB_NIXPKGS")
def test_a_nixos_of_2018_is_deployed_and_gone_back_to(vps: Target) -> None:
    system = vps.system()
    # It takes a machine without a system for one that has to be rebooted.
    vps.says(f"ln -sfn {system} /run/current-system")
    first = deployed(vps, system)
    new = vps.system("({ pkgs, ... }: { environment.systemPackages = [ pkgs.hello ]; })")
    shown = vps.activate(new, "--check", "--diff")
    assert (shown["outcome"], "hello" in shown["diff"]["prepared"]) == ("activated", True), shown
    # Of what is said of each user and group, one line is a warning.
    assert len(first.get("warnings", [])) <= 2, first
    deployed(vps, new)
    answer = vps.activate(vps.system(script("cp /nonexistent /", "wrong")))
    assert (answer["outcome"], answer["exit_code"]) == ("rolled_back", 2), answer
    assert "the activation script failed: cp: cannot stat" in answer["cause"], answer
    assert vps.current_state == (new, new)
