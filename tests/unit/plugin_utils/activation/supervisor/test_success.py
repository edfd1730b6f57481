# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that ends well leaves the whole new system, and a record of who deployed what."""

from __future__ import annotations

import os
import pathlib

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import message
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Origin

from ..machine import SHELLS
from .nixos import PROFILE, RUNNING, NixOS, whole


def test_a_new_system_is_tried_before_it_becomes_the_default(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    answer = nixos.deploy(new)
    assert (answer.outcome, answer.previous.generation, answer.now.generation) == ("activated", 2, 3)
    assert nixos.calls == ["test new", "boot new"]
    assert nixos.whole_as == whole(new)


def test_what_runs_and_is_the_default_is_left_alone_in_one_round_trip(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(old)
    assert (answer.outcome, nixos.round_trips, nixos.calls) == ("unchanged", 1, [])
    assert not nixos.state.exists()


def test_a_default_that_does_not_run_is_activated_without_a_new_generation(nixos: NixOS, old: str) -> None:
    nixos.link(RUNNING, nixos.system("nixos-stray"))
    answer = nixos.deploy(old)
    assert (answer.outcome, answer.now.generation, len(nixos.generations(PROFILE))) == ("activated", 2, 2)
    assert nixos.whole_as == whole(old)


def test_goal_boot_changes_the_default_only(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    assert nixos.deploy(new, goal="boot").outcome == "activated"
    assert nixos.whole_as == (old, new, "new")
    assert nixos.calls == ["boot new"]


def test_goal_test_changes_what_runs_only(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    assert nixos.deploy(new, goal="test").outcome == "activated"
    assert nixos.whole_as == (new, old, "old")
    assert nixos.deploy(new, goal="test").outcome == "unchanged"


def test_a_dry_run_says_what_would_happen_and_records_nothing(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-new"), goal="dry-activate")
    assert (answer.outcome, answer.log) == ("unchanged", "would restart web.service")
    assert nixos.whole_as == whole(old)
    assert not nixos.state.exists()


def test_check_mode_foretells_and_writes_nothing(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-new"), check=True)
    assert (answer.outcome, answer.log) == ("activated", "would restart web.service")
    assert nixos.whole_as == whole(old)
    assert not nixos.state.exists()


def test_check_mode_does_not_need_the_closure(nixos: NixOS, old: str) -> None:
    absent = "/nix/store/00000000000000000000000000000000-nixos-absent"
    answer = nixos.deploy(absent, check=True)
    assert (answer.outcome, "once the host has the closure" in answer.log) == ("activated", True)
    assert "is not on this machine" in nixos.deploy(absent).cause


def test_of_a_closure_that_is_not_there_no_check_says_that_it_needs_a_reboot(nixos: NixOS) -> None:
    old = nixos.system("nixos-old", kernel="6.12", kernel_params="quiet", init_interface_version="2")
    nixos.install(old)
    nixos.link("/run/booted-system", old)
    absent = "/nix/store/00000000000000000000000000000000-nixos-absent"
    answer = nixos.deploy(absent, check=True)
    assert (answer.outcome, answer.reboot_required) == ("activated", False)
    assert nixos.deploy(nixos.system("nixos-new", kernel="6.18"), check=True).reboot_required


def test_a_system_that_only_a_reboot_brings_becomes_the_default(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", trouble="exit 100", init_interface_version="2")
    answer = nixos.deploy(new)
    assert (answer.outcome, answer.reboot_required) == ("activated", True)
    assert nixos.whole_as == (old, new, "new")
    request = nixos.request(new)
    again = deploy(nixos, request)
    assert (again.outcome, "runs already" in message(request, again)) == ("unchanged", False)


def test_a_system_that_only_a_reboot_brings_is_not_said_to_run_while_it_awaits_its_confirmation(
    nixos: NixOS, old: str
) -> None:
    new = nixos.system("nixos-new", trouble="exit 100", init_interface_version="2")
    request = nixos.request(new, confirm_timeout=600)
    answer = deploy(nixos, request)
    assert (answer.outcome, "runs now" in message(request, answer)) == ("awaiting", False)


def test_another_kernel_asks_for_a_reboot(nixos: NixOS) -> None:
    old, new = nixos.system("nixos-old", kernel="6.12"), nixos.system("nixos-new", kernel="6.18")
    nixos.install(old)
    nixos.link("/run/booted-system", old)
    assert nixos.deploy(new).reboot_required
    assert not nixos.deploy(old).reboot_required


def test_a_profile_that_is_no_link_is_refused_and_stays(nixos: NixOS, old: str) -> None:
    nixos.path("/nix/var/nix/profiles/other").mkdir(parents=True)
    answer = nixos.deploy(nixos.system("nixos-new"), profile="/nix/var/nix/profiles/other")
    assert (answer.outcome, nixos.path("/nix/var/nix/profiles/other").is_dir(), nixos.calls) == ("refused", True, [])


def test_a_closure_that_is_no_system_is_refused_before_anything_is_touched(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.closure("hello-2.12", bin__hello="echo hello"))
    assert answer.outcome == "refused"
    assert "not a NixOS system" in answer.cause
    assert not nixos.state.exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_user_who_is_not_root_is_told_to_escalate(tmp_path: pathlib.Path, shell: str) -> None:
    machine = NixOS(tmp_path, shell, uid=1000)
    answer = machine.deploy(machine.system("nixos-new"))
    assert (answer.outcome, "become" in (answer.advice or "")) == ("refused", True)


def test_the_first_deployment_makes_the_profile(nixos: NixOS) -> None:
    stray = nixos.system("nixos-installer")
    nixos.link(RUNNING, stray)
    new = nixos.system("nixos-new")
    assert nixos.deploy(new).previous.generation is None
    assert nixos.whole_as == whole(new)


def test_activation_has_an_ordinary_umask(nixos: NixOS, old: str) -> None:
    # Whatever the login has.
    before = os.umask(0o077)
    try:
        nixos.deploy(nixos.system("nixos-new", trouble='umask > "$root/umask"'))
    finally:
        os.umask(before)
    assert nixos.path("/umask").read_text().strip() == "0022"


def test_a_specialisation_runs_and_its_parent_is_the_default(nixos: NixOS, old: str) -> None:
    inner = nixos.system("nixos-inner")
    new = nixos.system("nixos-new")
    nixos.link(f"{new}/specialisation/travel", inner)
    request = nixos.request(new, specialisation="travel")
    answer = deploy(nixos, request)
    assert answer.outcome == "activated"
    assert message(request, answer).endswith("now, and nixos-new itself is the default, generation 2 → 3")
    assert nixos.whole_as == (inner, new, "new")
    assert nixos.deploy(new, specialisation="travel").outcome == "unchanged"


def test_a_specialisation_that_there_is_none_of_is_called_so_with_those_that_there_are(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    bare = nixos.deploy(new, specialisation="trvael")
    assert (bare.outcome, bare.advice) == ("refused", "it has: none")
    nixos.link(f"{new}/specialisation/night", nixos.system("nixos-inner"))
    nixos.link(f"{new}/specialisation/travel", nixos.system("nixos-inner"))
    answer = nixos.deploy(new, specialisation="trvael")
    assert answer.cause == f"{new} has no specialisation trvael"
    assert answer.advice == "it has: night, travel"


def test_an_older_deployment_is_answered_for_by_the_journal(nixos: NixOS, old: str) -> None:
    first = nixos.request(nixos.system("nixos-a"))
    deploy(nixos, first)
    nixos.deploy(nixos.system("nixos-b"))
    answer = deploy(nixos, first)
    assert (answer.outcome, answer.now.generation) == ("activated", 3)
    assert nixos.boots == "b"


def test_the_journal_says_who_did_what_from_where(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    origin = Origin("alice", "laptop", revision="4f1e", dirty=True, description='a "quoted" $(touch x)\nline')
    nixos.deploy(new, origin=origin)
    entry = nixos.journal[-1]
    assert (entry["user"], entry["controller"], entry["revision"], entry["dirty"]) == ("alice", "laptop", "4f1e", True)
    assert entry["description"] == 'a "quoted" $(touch x) line'
    assert (entry["from"]["generation"], entry["to"]["generation"], entry["outcome"]) == (2, 3, "activated")
    assert not nixos.path("/x").exists()


def test_the_state_is_the_deploying_users_alone(nixos: NixOS, old: str) -> None:
    nixos.state.mkdir(parents=True)
    nixos.deploy(nixos.system("nixos-new"))
    assert nixos.state.stat().st_mode & 0o777 == 0o700
    assert (nixos.state / "journal.jsonl").stat().st_mode & 0o777 == 0o600


def test_nothing_is_left_but_the_journal_and_the_last_log(nixos: NixOS, old: str) -> None:
    for name in ("a", "b", "c"):
        nixos.deploy(nixos.system(f"nixos-{name}"))
    assert sorted(path.name for path in nixos.state.iterdir()) == ["journal.jsonl", "runs"]
    assert len(list((nixos.state / "runs").iterdir())) == 1
    assert not list(nixos.live.glob("*[0-9]"))
