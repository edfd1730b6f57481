# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine describes itself to any shell, what it does not say is null, and what somebody else has changed is told."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.info import (
    deployed_revision,
    drift_of,
    info_script,
    parse_info,
)

from .machine import SHELLS, Machine

PROFILE = "/nix/var/nix/profiles/system"
NIX = """#!/bin/sh
case "$*" in
    *--version) echo 'nix (Nix) 2.26.3' ;;
    *'show system') echo x86_64-linux ;;
    *'store info'*) echo '{"trusted":false,"url":"daemon"}' ;;
esac
"""


@pytest.fixture(params=SHELLS)
def machine(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Machine:
    machine = Machine(tmp_path, request.param, uid=0)
    (tmp_path / "bin" / "nix").write_text(NIX)
    (tmp_path / "bin" / "nix").chmod(0o755)
    return machine


def describe(machine: Machine, **options: t.Any) -> dict[str, t.Any]:
    return parse_info(machine.run(info_script(**{"platform": None, "profile": None, "journal": 10, **options})).stdout)


def test_a_machine_without_any_platform_is_described_as_a_builder(machine: Machine) -> None:
    facts = describe(machine)
    assert (facts["platform"], facts["nix_version"], facts["system"]) == (None, "2.26.3", "x86_64-linux")
    assert (facts["trusted"], facts["generations"], facts["lock"]) == (False, [], None)
    assert 0 < facts["store_free_bytes"] <= facts["store_total_bytes"]


def test_a_nixos_machine_is_known_by_its_running_system(machine: Machine) -> None:
    first, second = machine.closure("nixos-a", nixos_version=""), machine.closure("nixos-b", nixos_version="")
    machine.link(f"{PROFILE}-9-link", first)
    machine.link(f"{PROFILE}-10-link", second)
    machine.link(PROFILE, "system-10-link")
    machine.link("/run/current-system", first)
    facts = describe(machine)
    assert (facts["platform"], facts["profile"], facts["generation"]) == ("nixos", PROFILE, 10)
    assert (facts["default"], facts["current_system"], facts["booted_system"]) == (second, first, None)
    assert [(entry["number"], entry["closure"], entry["current"]) for entry in facts["generations"]] == [
        (9, first, False),
        (10, second, True),
    ]
    assert facts["generations"][0]["date"].endswith("Z")


def test_a_specialisation_of_the_default_is_told_from_another_system(machine: Machine) -> None:
    slow, other = machine.closure("nixos-slow", nixos_version=""), machine.closure("nixos-other", nixos_version="")
    default = machine.closure("nixos-a", nixos_version="")
    machine.link(f"{default}/specialisation/slow", slow)
    machine.link(f"{PROFILE}-1-link", default)
    machine.link(PROFILE, "system-1-link")
    for running, specialisation in ((slow, "slow"), (default, None), (other, None)):
        machine.link("/run/current-system", running)
        facts = describe(machine)
        assert (facts["current_system"], facts["specialisation"]) == (running, specialisation)


def test_a_home_is_found_where_there_is_no_whole_machine(machine: Machine) -> None:
    profile = machine.home / ".local/state/nix/profiles/home-manager"
    home = machine.closure("home-manager-generation", activate="")
    machine.link(machine.there(f"{profile}-1-link"), home)
    machine.link(machine.there(str(profile)), "home-manager-1-link")
    facts = describe(machine)
    assert (facts["platform"], facts["generation"], facts["current_system"]) == ("home-manager", 1, home)


def test_a_profile_of_ones_own_is_described_on_demand(machine: Machine) -> None:
    website = machine.closure("website-1", bin__activate="")
    machine.link("/nix/var/nix/profiles/my site-3-link", website)
    machine.link("/nix/var/nix/profiles/my site", "my site-3-link")
    facts = describe(machine, platform="custom", profile="/nix/var/nix/profiles/my site")
    assert (facts["platform"], facts["generation"], facts["default"]) == ("custom", 3, website)


def test_what_could_be_kept_in_memory_alone_follows_the_journal(machine: Machine) -> None:
    machine.state.mkdir(parents=True)
    machine.live.mkdir(parents=True, exist_ok=True)
    (machine.state / "journal.jsonl").write_text('{"id":"1","outcome":"activated"}\n')
    (machine.live / "outcome-1").write_text('outcome=activated\nentry={"id":"1","outcome":"activated"}\n')
    (machine.live / "outcome-2").write_text('outcome=rolled_back\nentry={"id":"2","outcome":"rolled_back"}\n')
    (machine.live / "outcome-3").write_text("outcome=refused\n")
    assert [entry["id"] for entry in describe(machine)["journal"]] == ["1", "2"]


def test_the_journal_and_a_dead_holder_are_shown(machine: Machine) -> None:
    runs = machine.state / "runs" / "1"
    runs.mkdir(parents=True)
    (runs / "recorded").touch()
    machine.live.mkdir(parents=True, exist_ok=True)
    (machine.live / "lock").symlink_to("id=1\nwho=alice@laptop\npid=999999\nstarted=2026-01-31T12:00:00Z")
    lines = [f'{{"id":"{number}","outcome":"activated"}}' for number in range(5)] + ["not json"]
    (machine.state / "journal.jsonl").write_text("\n".join(lines) + "\n")
    facts = describe(machine, journal=3)
    assert [entry["id"] for entry in facts["journal"]] == ["3", "4"]
    assert facts["lock"] == {
        "id": "1",
        "holder": "alice@laptop",
        "process": 999999,
        "started": "2026-01-31T12:00:00Z",
        "kind": "deployment",
        "alive": False,
        "awaits_seconds": None,
    }
    assert facts["interrupted"]


@pytest.mark.parametrize(
    "nonsense",
    ["", "\0", "generations=1", "generations=x y z", "store_free_kib=9e9", "journal=7", 'journal={"outcome":null}'],
)
def test_nonsense_is_null(nonsense: str) -> None:
    facts = parse_info(nonsense)
    assert (facts["generations"], facts["journal"], facts["store_free_bytes"]) == ([], [], None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("20260131T120000Z-5f2b9c04", "deployment"), ("gc-5f2b9c04", "collection"), ("reboot-5f2b9c04", "reboot")],
)
def test_what_holds_the_lock_is_told_by_its_name(name: str, kind: str) -> None:
    assert parse_info(f"lock_id={name}\nlock_alive=yes\n")["lock"]["kind"] == kind


def test_units_that_have_failed_are_named(machine: Machine, tmp_path: pathlib.Path) -> None:
    machine.link("/run/current-system", machine.closure("nixos-a", nixos_version=""))
    systemctl = tmp_path / "bin" / "systemctl"
    systemctl.write_text(
        "#!/bin/sh\ncase $* in *--failed*) printf 'page.service loaded failed failed\\nx.mount loaded\\n' ;; esac\n"
    )
    systemctl.chmod(0o755)
    assert describe(machine)["units_failed"] == ["page.service", "x.mount"]


@pytest.mark.parametrize("place", ["/nix/var/nix/profiles/per-user/0", "/home/.local/state/nix/profiles"])
def test_a_profile_of_a_user_is_where_deploy_rs_has_it(machine: Machine, place: str) -> None:
    machine.path(place).mkdir(parents=True)
    assert describe(machine, platform="custom", profile="per-user/agent")["profile"] == f"{place}/agent"


OLD, NEW, OTHER = (f"/nix/store/{letter * 32}-nixos-system" for letter in "012")
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
