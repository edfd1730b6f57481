# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that somebody else has changed is told from one that is as it was deployed."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.info import deployed_revision, drift_of

OLD, NEW, OTHER = (f"/nix/store/{letter * 32}-nixos-system" for letter in "012")
PROFILE = "/nix/var/nix/profiles/system"
SWITCHED: dict[str, t.Any] = {
    "profile": PROFILE,
    "outcome": "confirmed",
    "goal": "switch",
    "status": "active",
    "revision": "a" * 40,
    "dirty": False,
    "from": {"generation": 1, "closure": OLD, "running": OLD},
    "to": {"generation": 2, "closure": NEW},
}


def facts(*journal: dict[str, t.Any], default: str = NEW, running: str = NEW, **rest: t.Any) -> dict[str, t.Any]:
    return {"profile": PROFILE, "default": default, "current_system": running, "journal": list(journal), **rest}


@pytest.mark.parametrize(
    "as_deployed",
    [
        facts(SWITCHED),
        facts(),
        facts(SWITCHED, running=OTHER, specialisation="slow"),
        facts({**SWITCHED, "goal": "boot"}, running=OLD),
        facts({**SWITCHED, "goal": "boot"}),
        facts({**SWITCHED, "goal": "test"}, default=OLD),
        facts({**SWITCHED, "goal": "test"}, default=OLD, running=OLD),
        facts({**SWITCHED, "status": "reboot"}, running=OLD),
        facts({**SWITCHED, "outcome": "rolled_back"}, default=OLD, running=OLD),
        facts({**SWITCHED, "outcome": "rollback_failed"}, default=OLD, running=OTHER),
        facts(SWITCHED, {**SWITCHED, "profile": "/another", "to": {"closure": OTHER}}),
        facts({**SWITCHED, "to": None, "from": None}),
        # Deployed by another tool, and then found to be what is wanted.
        facts(SWITCHED, {**SWITCHED, "outcome": "unchanged", "to": {"closure": OTHER}}, default=OTHER, running=OTHER),
    ],
)
def test_a_machine_that_is_as_it_was_deployed_has_not_drifted(as_deployed: dict[str, t.Any]) -> None:
    assert drift_of(as_deployed) is None


@pytest.mark.parametrize(
    ("changed", "what", "expected", "found"),
    [
        (facts(SWITCHED, default=OTHER, running=OTHER), "boots", NEW, OTHER),
        (facts(SWITCHED, running=OTHER), "runs", NEW, OTHER),
        (facts({**SWITCHED, "goal": "boot"}, default=OTHER, running=OLD), "boots", NEW, OTHER),
        (facts({**SWITCHED, "goal": "test"}, default=OLD, running=OTHER), "runs", NEW, OTHER),
        (facts({**SWITCHED, "outcome": "rolled_back"}, default=NEW, running=OLD), "boots", OLD, NEW),
        (facts({**SWITCHED, "status": "reboot"}, running=OTHER), "runs", NEW, OTHER),
    ],
)
def test_what_somebody_else_has_changed_is_told(
    changed: dict[str, t.Any], what: str, expected: str, found: str
) -> None:
    drift = drift_of(changed)
    assert drift
    assert (drift.what, drift.expected, drift.found) == (what, expected, found)


def test_the_revision_is_that_of_the_deployment_that_left_what_is_there() -> None:
    newer = {**SWITCHED, "revision": "b" * 40, "outcome": "rolled_back"}
    assert deployed_revision(facts(SWITCHED, newer)) == ("a" * 40, False)
    assert deployed_revision(facts({**SWITCHED, "revision": f"{'a' * 40}-dirty"})) == ("a" * 40, True)
    assert deployed_revision(facts(SWITCHED, default=OTHER)) == (None, False)


def test_a_revision_that_changed_nothing_is_the_deployed_one() -> None:
    found = {**SWITCHED, "outcome": "unchanged", "revision": "b" * 40, "from": {"closure": NEW}}
    assert deployed_revision(facts(SWITCHED, found)) == ("b" * 40, False)
