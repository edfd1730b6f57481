# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The short question finds nothing to do where the program itself would find nothing, and otherwise leaves it to that."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import up_to_date
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Origin, begin_script, question_script

from .nixos import PROFILE, RUNNING, NixOS

if t.TYPE_CHECKING:
    from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import Answer

KEPT = "gcroots/copied/vps"


def without_root(nixos: NixOS, old: str) -> dict[str, t.Any]:
    nixos.replace_tool("id", "echo 1000")
    return {}


def without_nix(nixos: NixOS, old: str) -> dict[str, t.Any]:
    nixos.tool("nix-env").unlink()
    return {}


def with_a_file_as_the_profile(nixos: NixOS, old: str) -> dict[str, t.Any]:
    nixos.path(PROFILE).unlink()
    nixos.path(PROFILE).touch()
    return {}


def with_no_system(nixos: NixOS, old: str) -> dict[str, t.Any]:
    nixos.path(f"{old}/nixos-version").unlink()
    return {}


def with_no_specialisation(nixos: NixOS, old: str) -> dict[str, t.Any]:
    return {"specialisation": "travel"}


PROBLEMS = {
    problem.__name__.replace("_", " "): problem
    for problem in (without_root, without_nix, with_a_file_as_the_profile, with_no_system, with_no_specialisation)
}


def ask(nixos: NixOS, closure: str | None, *, gc_root: str | None = None, **fields: t.Any) -> Answer | None:
    return up_to_date(t.cast("t.Any", nixos), nixos.request(closure, **fields), gc_root=gc_root)


def keep(nixos: NixOS, *closures: str) -> None:
    """Have the closures kept from the garbage collector as what was copied."""
    roots = nixos.state / KEPT
    roots.mkdir(parents=True, exist_ok=True)
    for number, closure in enumerate(closures, 1):
        (roots / str(number)).symlink_to(nixos.path(closure))


def test_what_runs_and_is_the_default_gets_the_programs_own_answer(nixos: NixOS, old: str) -> None:
    assert ask(nixos, old) == nixos.deploy(old)
    assert not nixos.state.exists()


def written(nixos: NixOS) -> list[tuple[str, str, bool]]:
    journal = nixos.journal if (nixos.state / "journal.jsonl").exists() else []
    return [
        (entry["outcome"], entry["revision"], entry["from"]["closure"] == entry["to"]["closure"]) for entry in journal
    ]


@pytest.mark.parametrize("program", [NixOS.deploy, ask])
def test_a_machine_that_runs_what_a_revision_makes_has_that_in_its_journal_once(
    nixos: NixOS, old: str, program: t.Callable[..., t.Any]
) -> None:
    for revision in ("a", "a", "b"):
        assert (
            program(nixos, old, origin=Origin("alice", "laptop", revision=revision, dirty=False)).outcome == "unchanged"
        )
    assert written(nixos) == [("unchanged", "a", True), ("unchanged", "b", True)]
    assert nixos.generations(PROFILE).keys() == {1, 2}


def test_a_machine_that_came_back_to_what_is_wanted_is_settled(nixos: NixOS, old: str) -> None:
    origin = Origin("alice", "laptop", revision="a")
    assert (
        nixos.deploy(
            nixos.system("nixos-bad", trouble="exit 1"), origin=Origin("alice", "laptop", revision="b")
        ).outcome
        == "rolled_back"
    )
    ask(nixos, old, origin=origin)
    assert [outcome for outcome, _revision, _same in written(nixos)] == ["rolled_back", "unchanged"]


def test_nothing_is_written_where_nothing_is_to_be_touched(nixos: NixOS, old: str) -> None:
    ask(nixos, old, check=True, origin=Origin("alice", "laptop", revision="a"))
    nixos.deploy(old, check=True, origin=Origin("alice", "laptop", revision="a"))
    assert not nixos.state.exists()


def test_a_run_that_left_a_machine_as_it_was_is_nothing_to_go_back_from(nixos: NixOS, old: str) -> None:
    ask(nixos, old, origin=Origin("alice", "laptop", run="night", revision="a"))
    new = nixos.system("nixos-new")
    nixos.deploy(new, origin=Origin("alice", "laptop", run="morning", revision="b"))
    answer = nixos.deploy(rollback="before:night")
    assert (answer.outcome, answer.code, nixos.standing(RUNNING)) == ("unchanged", None, new)


def test_a_kernel_that_waits_for_a_reboot_is_in_the_answer(nixos: NixOS) -> None:
    first, second = nixos.system("nixos-1", kernel="5"), nixos.system("nixos-2", kernel="6")
    nixos.install(first, second)
    nixos.link("/run/booted-system", first)
    assert ask(nixos, second) == nixos.deploy(second)


def test_it_is_asked_in_less_than_half_of_the_words(nixos: NixOS, old: str) -> None:
    request = nixos.request(old)
    assert len(question_script(request, "vps")) < len(begin_script(request)) / 2


def test_another_closure_is_something_to_do(nixos: NixOS, old: str) -> None:
    assert ask(nixos, nixos.system("nixos-new")) is None


def test_a_closure_that_is_not_there_is_something_to_do(nixos: NixOS, old: str) -> None:
    assert ask(nixos, "/nix/store/00000000000000000000000000000000-nixos-new") is None


def test_a_closure_that_nix_does_not_know_of_is_something_to_do(nixos: NixOS, old: str) -> None:
    keep(nixos, old)
    nixos.forget(old)
    assert ask(nixos, old, gc_root="vps") is None


def test_a_default_that_does_not_run_is_something_to_do(nixos: NixOS, old: str) -> None:
    nixos.link(RUNNING, nixos.system("nixos-stray"))
    assert ask(nixos, old) is None


def test_what_runs_and_is_not_the_default_is_something_to_do(nixos: NixOS, old: str) -> None:
    nixos.link(PROFILE, "system-1-link")
    assert ask(nixos, old) is None


def test_another_deployment_is_for_the_program_to_judge(nixos: NixOS, old: str) -> None:
    nixos.live.mkdir(parents=True)
    # Whether its holder is alive or dead.
    (nixos.live / "lock").symlink_to("id=other")
    assert ask(nixos, old) is None


def test_an_interrupted_deployment_is_for_the_program_to_finish(nixos: NixOS, old: str) -> None:
    interrupted = nixos.state / "runs/other"
    interrupted.mkdir(parents=True)
    (interrupted / "recorded").touch()
    assert ask(nixos, old) is None


def test_units_that_failed_are_tried_again(nixos: NixOS, old: str) -> None:
    nixos.state.mkdir(parents=True)
    (nixos.state / "half_active").write_text(f"{nixos.here(PROFILE)}\n")
    assert ask(nixos, old) is None


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_what_the_machine_would_refuse_is_for_the_program_to_refuse(
    nixos: NixOS, old: str, problem: t.Callable[[NixOS, str], dict[str, t.Any]]
) -> None:
    # With this goal nothing but what is objected to tells the machine from one that runs the closure already.
    fields = {"goal": "test", **problem(nixos, old)}
    assert ask(nixos, old, **fields) is None
    assert nixos.deploy(old, **fields).outcome == "refused"


def test_what_is_more_than_a_question_is_not_asked(nixos: NixOS, old: str) -> None:
    assert ask(nixos, old, install_bootloader=True) is None
    assert ask(nixos, old, goal="dry-activate") is None
    assert ask(nixos, None, rollback="previous") is None
    assert nixos.round_trips == 0


def test_what_was_copied_must_still_be_kept(nixos: NixOS, old: str) -> None:
    assert ask(nixos, old, gc_root="vps") is None
    keep(nixos, old)
    answer = ask(nixos, old, gc_root="vps")
    assert answer is not None
    assert answer.outcome == "unchanged"


def test_what_is_kept_besides_it_is_something_to_do(nixos: NixOS, old: str) -> None:
    keep(nixos, old, nixos.system("nixos-more"))
    assert ask(nixos, old, gc_root="vps") is None
