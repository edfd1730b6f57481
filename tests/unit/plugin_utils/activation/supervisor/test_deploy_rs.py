# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A generation that deploy-rs has set is the system that it has wrapped, to a deployment, a rollback, a status and a reboot."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.info import info_script, parse_info

from .nixos import PROFILE, RUNNING, NixOS


def wrapped(nixos: NixOS, system: str) -> str:
    """Return a package as deploy-rs makes it of a system: links to what is in there, beside its own program."""
    package = nixos.closure(f"activatable-{system[44:]}", deploy_rs_activate="exit 1")
    for part in ("bin", "nixos-version"):
        nixos.link(f"{package}/{part}", f"{system}/{part}")
    return package


@pytest.fixture
def system(nixos: NixOS) -> str:
    """A system that deploy-rs has deployed, over one of before."""
    first, second = nixos.system("nixos-first"), nixos.system("nixos-second")
    nixos.install(wrapped(nixos, first), wrapped(nixos, second))
    nixos.link(RUNNING, second)
    nixos.load(wrapped(nixos, second))
    return second


def test_it_is_not_switched_to_once_more(nixos: NixOS, system: str) -> None:
    assert nixos.deploy(system).outcome == "unchanged"
    assert nixos.calls == []


def test_a_status_has_the_system_for_what_it_boots(nixos: NixOS, system: str) -> None:
    facts = parse_info(nixos.run(info_script(platform="nixos", profile=None, journal=0)).stdout)
    assert facts["default"] == facts["current_system"] == system


def test_a_rollback_returns_to_it(nixos: NixOS, system: str) -> None:
    nixos.deploy(nixos.system("nixos-third"))
    answer = nixos.deploy(rollback="previous")
    assert (answer.outcome, nixos.standing(RUNNING)) == ("activated", system)
    assert nixos.path(PROFILE).readlink().name == "system-2-link"


def test_a_rollback_to_what_an_earlier_version_wrote_down_returns_to_it(nixos: NixOS, system: str) -> None:
    third = nixos.request(nixos.system("nixos-third"))
    deploy(nixos, third)
    journal = nixos.state / "journal.jsonl"
    written = journal.read_text().replace(
        f'"closure":"{nixos.here(system)}"', f'"closure":"{nixos.here(wrapped(nixos, system))}"'
    )
    journal.write_text(written)
    assert nixos.deploy(rollback=f"before:{third.id}").outcome == "activated"
    assert nixos.standing(RUNNING) == system


def test_what_fails_goes_back_to_it(nixos: NixOS, system: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-third", trouble="exit 2"))
    assert (answer.outcome, nixos.standing(RUNNING)) == ("rolled_back", system)
    assert nixos.path(PROFILE).readlink().name == "system-2-link"
