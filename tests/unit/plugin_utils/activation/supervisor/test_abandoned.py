# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that was cut off before it had touched anything leaves nothing behind, and one about to begin all it needs."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy

from ....errors import fails_with
from .interrupting import boot_of_now, cut_off, own_name
from .nixos import NixOS


def cut_off_early(nixos: NixOS, *, boot: str) -> pathlib.Path:
    """Return the directory of a deployment whose supervisor has not started."""
    run = nixos.state / "runs/early"
    run.mkdir(parents=True)
    (run / "program").write_text("exit 0")
    (run / "boot").symlink_to(f"boot {boot}")
    return run


def test_what_never_started_before_the_last_boot_is_removed(nixos: NixOS, old: str) -> None:
    run = cut_off_early(nixos, boot="earlier")
    nixos.deploy(nixos.system("nixos-new"))
    assert not run.exists()


def test_what_started_and_is_dead_is_removed(nixos: NixOS, old: str) -> None:
    run = cut_off_early(nixos, boot=boot_of_now())
    (run / "begun").mkdir()
    (run / "worker").symlink_to(f"4194305 1 {boot_of_now()}")
    (run / "closure").symlink_to(nixos.here(old))
    nixos.deploy(nixos.system("nixos-new"))
    assert not run.exists()


def test_what_could_only_say_in_memory_how_it_ended_is_removed(nixos: NixOS, old: str) -> None:
    run = cut_off_early(nixos, boot=boot_of_now())
    (run / "recorded").touch()
    nixos.live.mkdir(exist_ok=True)
    files = [nixos.live / f"{name}-early" for name in ("outcome", "log", "reason")]
    for file in files:
        file.write_text("outcome=refused\n")
    nixos.deploy(nixos.system("nixos-new"))
    assert [file for file in [run, *files] if file.exists()] == []


def test_what_is_removed_half_way_passes_for_nothing_interrupted(nixos: NixOS, old: str) -> None:
    run = cut_off_early(nixos, boot=boot_of_now())
    (run / "outcome").write_text("outcome=rollback_failed\n")
    nixos.live.mkdir(exist_ok=True)
    files = [nixos.live / "early", nixos.live / "program-early"]
    for file in [run / "recorded", *files]:
        file.write_text("complete=yes\n")
    # As one that is killed in the middle, before anything else is removed.
    seen = nixos.path("/seen")
    removed = f'ls "{nixos.live}" >"{seen}"; exec {{rm}} -f "$2/outcome"'
    nixos.replace_tool("rm", f'case "$*" in "-rf "*/runs/early) {removed} ;; esac; exec {{rm}} "$@"')
    new = nixos.system("nixos-new")
    assert nixos.deploy(new).outcome == "activated"
    assert not {file.name for file in files} & set(seen.read_text().split())
    assert nixos.deploy(new).outcome == "unchanged"


@pytest.mark.parametrize("started", [False, True], ids=["about to start", "waits"])
def test_what_is_about_to_start_or_waits_keeps_its_program(nixos: NixOS, old: str, *, started: bool) -> None:
    run = cut_off_early(nixos, boot=boot_of_now())
    if started:
        (run / "worker").symlink_to(own_name())
    nixos.deploy(nixos.system("nixos-new"))
    assert (run / "program").exists()


def test_the_boot_that_a_deployment_began_in_is_known_from_the_start(nixos: NixOS, old: str) -> None:
    asked = nixos.request(nixos.system("nixos-new", trouble="sleep 1"))
    nixos.start(asked).join()
    assert (nixos.state / "runs" / asked.id / "boot").readlink() == pathlib.Path(f"boot {boot_of_now()}")


@pytest.mark.slow
def test_who_comes_back_to_what_never_started_is_told_that_nothing_was_touched(nixos: NixOS, old: str) -> None:
    asked = nixos.request(nixos.system("nixos-new"))
    run = cut_off_early(nixos, boot="earlier")
    run.rename(run.with_name(asked.id))
    answer = deploy(nixos, asked)
    assert (answer.outcome, answer.cause) == ("refused", "it was cut off before it had touched anything")
    assert nixos.calls == []
    assert nixos.deploy(asked.closure).outcome == "activated"


@pytest.mark.slow
def test_and_so_is_who_comes_back_to_what_had_no_time_to_take_the_lock(nixos: NixOS, old: str) -> None:
    asked = nixos.request(nixos.system("nixos-new"))
    run = cut_off_early(nixos, boot="earlier")
    (run / "begun").mkdir()
    (run / "worker").symlink_to("4194305 1 earlier")
    run.rename(run.with_name(asked.id))
    assert deploy(nixos, asked).outcome == "refused"
    assert nixos.calls == []


@pytest.mark.slow
@pytest.mark.parametrize("recorded", ["on the disk", "in memory"])
def test_what_nobody_can_finish_does_not_pass_for_what_has_touched_nothing(
    nixos: NixOS, old: str, recorded: str
) -> None:
    slow = cut_off(nixos)
    nixos.hurry()
    run = nixos.state / "runs" / slow.id
    (run / "program").write_text("exit 1")
    # As where it was made anew of what is in memory.
    (run / "begun").rmdir()
    (nixos.live / slow.id if recorded == "on the disk" else run / "recorded").unlink()
    with fails_with("activation.no_answer"):
        deploy(nixos, slow)


@pytest.mark.slow
def test_what_was_cut_off_as_it_told_that_nothing_was_touched_is_not_interrupted(nixos: NixOS, old: str) -> None:
    both = 'kill -9 "$(ps -o ppid= -p "$PPID" | tr -d " ")" "$PPID"; exit 1'
    nixos.replace_tool("mv", f'case "$*" in */acting-*) exit 1 ;; */outcome) {both} ;; esac; exec {{mv}} "$@"')
    with fails_with("activation.no_answer"):
        nixos.deploy(nixos.system("nixos-new"))
    nixos.replace_tool("mv", 'exec {mv} "$@"')
    assert nixos.deploy(old).outcome == "unchanged"


def test_nothing_is_begun_on_a_machine_that_is_shutting_down(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("systemctl", "echo stopping")
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert (answer.outcome, answer.cause) == ("refused", "the machine is shutting down")
    assert not nixos.state.exists()
