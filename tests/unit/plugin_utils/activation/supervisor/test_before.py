# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollback to what there was before a deployment or a run goes there exactly, or says why it does not."""

from __future__ import annotations

import pathlib
import shutil
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Origin
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from ..machine import SHELLS
from .nixos import PROFILE, RUNNING, NixOS, whole

NIGHT = Origin("alice", "laptop", run="night")
MORNING = Origin("alice", "laptop", run="morning")


def test_all_of_a_run_is_gone_back_over_at_once(nixos: NixOS, old: str) -> None:
    for name in ("a", "b"):
        nixos.deploy(nixos.system(f"nixos-{name}"), origin=NIGHT)
    nixos.deploy(nixos.system("nixos-c"), origin=MORNING)
    answer = nixos.deploy(rollback="before:night")
    assert (answer.outcome, answer.now.generation) == ("activated", 2)
    assert nixos.whole_as == whole(old)


def test_one_deployment_is_named_by_its_id(nixos: NixOS, old: str) -> None:
    first = nixos.system("nixos-a")
    nixos.deploy(first, origin=NIGHT)
    second = nixos.request(nixos.system("nixos-b"), origin=NIGHT)
    deploy(nixos, second)
    nixos.deploy(rollback=f"before:{second.id}")
    assert nixos.whole_as == whole(first)


def test_asked_again_it_changes_nothing(nixos: NixOS, old: str) -> None:
    nixos.deploy(nixos.system("nixos-a"), origin=NIGHT)
    nixos.deploy(rollback="before:night")
    assert nixos.deploy(rollback="before:night").outcome == "unchanged"
    assert nixos.whole_as == whole(old)


def test_a_rollback_is_a_deployment_that_can_be_gone_back_from(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    nixos.deploy(new, origin=NIGHT)
    nixos.deploy(rollback="before:night", origin=MORNING)
    nixos.deploy(rollback="before:morning")
    assert nixos.whole_as == whole(new)


def test_a_machine_that_had_no_part_in_the_run_is_left_alone(nixos: NixOS, old: str) -> None:
    nixos.deploy(nixos.system("nixos-a"), origin=MORNING)
    before = nixos.whole_as
    answer = nixos.deploy(rollback="before:night")
    assert (answer.outcome, answer.code, "night" in answer.cause) == ("unchanged", "not_in_journal", True)
    assert nixos.whole_as == before


def test_a_machine_without_a_journal_had_no_part_in_the_run(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(rollback="before:night")
    assert (answer.outcome, answer.code) == ("unchanged", "not_in_journal")
    assert not nixos.state.exists()


def test_a_deployment_that_was_rolled_back_needs_no_more(nixos: NixOS, old: str) -> None:
    nixos.deploy(nixos.system("nixos-bad", trouble="exit 2"), origin=NIGHT)
    good = nixos.system("nixos-good")
    nixos.deploy(good, origin=MORNING)
    answer = nixos.deploy(rollback="before:night")
    assert (answer.outcome, answer.cause) == (
        "unchanged",
        "deployment night was rolled back itself, or changed nothing",
    )
    assert nixos.whole_as == whole(good)


def test_what_merely_ran_before_is_not_returned_to_but_what_the_profile_stood_at(nixos: NixOS, old: str) -> None:
    tried = nixos.system("nixos-tried")
    nixos.deploy(tried, goal="test", origin=MORNING)
    nixos.deploy(nixos.system("nixos-new"), origin=NIGHT)
    assert nixos.there(nixos.journal[-1]["from"]["running"]) == tried
    nixos.deploy(rollback="before:night")
    assert nixos.whole_as == whole(old)


def test_a_generation_that_was_deleted_is_gone_back_to_by_its_closure(nixos: NixOS, old: str) -> None:
    nixos.deploy(nixos.system("nixos-a"), origin=NIGHT)
    nixos.path(f"{PROFILE}-2-link").unlink()
    assert nixos.deploy(rollback="before:night").now.generation == 4
    assert nixos.whole_as == whole(old)


def test_a_number_that_was_given_again_is_not_mistaken_for_the_generation(nixos: NixOS, old: str) -> None:
    nixos.deploy(nixos.system("nixos-a"), origin=NIGHT)
    nixos.link(f"{PROFILE}-2-link", nixos.system("nixos-stray"))
    nixos.deploy(rollback="before:night")
    assert nixos.whole_as == whole(old)


def test_a_closure_that_is_gone_is_told_and_nothing_happens(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    nixos.deploy(new, origin=NIGHT)
    nixos.path(f"{PROFILE}-2-link").unlink()
    shutil.rmtree(nixos.path(old))
    answer = nixos.deploy(rollback="before:night")
    assert (answer.outcome, "no longer on this machine" in answer.cause) == ("refused", True)
    assert nixos.whole_as == whole(new)


def test_before_the_first_deployment_there_is_nothing(nixos: NixOS) -> None:
    nixos.link(RUNNING, nixos.system("nixos-installer"))
    new = nixos.system("nixos-new")
    nixos.deploy(new, origin=NIGHT)
    answer = nixos.deploy(rollback="before:night")
    assert (answer.outcome, "nothing to return to" in answer.cause) == ("refused", True)
    assert nixos.whole_as == whole(new)


def test_each_profile_of_a_machine_goes_its_own_way_back(nixos: NixOS, old: str) -> None:
    nixos.deploy(nixos.system("nixos-new"), origin=NIGHT)
    page = nixos.closure("page-1", bin__activate="")
    profile = '/nix/var/nix/profiles/my "web"'
    website: dict[str, t.Any] = {"platform": platforms()["custom"], "profile": profile, "program": "bin/activate"}
    nixos.deploy(page, **website, origin=MORNING)
    nixos.deploy(nixos.closure("page-2", bin__activate=""), **website, origin=NIGHT)
    nixos.deploy(rollback="before:night", **website)
    assert nixos.standing(profile) == page
    nixos.deploy(rollback="before:night")
    assert nixos.whole_as == whole(old)


def test_no_text_of_the_journal_passes_for_a_run(nixos: NixOS, old: str) -> None:
    forged = Origin("alice", "laptop", description='","run":"night"')
    nixos.deploy(nixos.system("nixos-new"), origin=forged)
    assert nixos.deploy(rollback="before:night").outcome == "unchanged"


def test_a_deployment_under_way_is_waited_for_and_not_called_unchanged(nixos: NixOS, old: str) -> None:
    slow = nixos.request(
        nixos.system("nixos-slow", trouble='until [ -e "$root/go" ]; do sleep 0.05; done'), origin=NIGHT
    )
    thread = nixos.start(slow)
    try:
        assert "another deployment" in nixos.deploy(rollback="before:night").cause
    finally:
        nixos.path("/go").touch()
        thread.join()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_login_that_must_escalate_is_told_so_first(tmp_path: pathlib.Path, shell: str) -> None:
    machine = NixOS(tmp_path, shell, uid=1000)
    machine.install(machine.system("nixos-old"))
    assert "by root" in machine.deploy(rollback="before:night").cause
