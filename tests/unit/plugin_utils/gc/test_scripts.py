# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine tells of its generations, and what a collection leaves of them: tried with the real scripts."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError
from ansible_collections.nix.fleet.plugins.plugin_utils.gc.collection import parse_collection
from ansible_collections.nix.fleet.plugins.plugin_utils.gc.plan import Generation, Plan, Policy, parse_survey, plan_of

from ..activation.machine import SHELLS
from ..activation.supervisor.interrupting import is_gone
from ..activation.supervisor.nixos import PROFILE
from .collecting import Collecting


@pytest.fixture(params=sorted(SHELLS))
def machine(tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> Collecting:
    """A machine of each shell."""
    return Collecting(tmp_path, request.param)


def reasons(machine: Collecting) -> dict[int, set[str]]:
    return {each.number: set(each.reasons) for each in machine.look().generations if each.reasons}


def test_the_question_changes_nothing_and_knows_what_must_stay(machine: Collecting) -> None:
    machine.run_booted_and_current(running=4, booted=2)
    assert reasons(machine) == {5: {"current"}, 4: {"running"}, 2: {"booted"}}
    assert machine.numbers == [1, 2, 3, 4, 5]
    assert not machine.state.exists()
    assert machine.collected == []


def test_the_generation_whose_specialisation_runs_must_stay(machine: Collecting) -> None:
    special = machine.system("nixos-special")
    machine.link(f"{machine.closures[2]}/specialisation/special", special)
    machine.link("/run/current-system", special)
    assert reasons(machine) == {5: {"current", "booted"}, 3: {"running"}}


def test_what_the_last_run_is_recorded_to_return_to_must_stay(machine: Collecting) -> None:
    first, second, third, fourth, fifth = machine.closures
    machine.record(run="r0", **{"from": found(1, first, first), "to": {"generation": 2, "closure": second}})
    machine.record(**{"from": found(2, second, third), "to": {"generation": 4, "closure": fourth}})
    machine.record(id="2", **{"from": found(4, fourth, fourth), "to": {"generation": 5, "closure": fifth}})
    # What came to nothing, and what was the same again, is nothing to return from.
    machine.record(
        id="3", run="r2", outcome="rolled_back", **{"from": found(5, fifth, fifth), "to": {"closure": first}}
    )
    machine.record(id="4", run="r3", **{"from": found(5, fifth, fifth), "to": {"generation": 5, "closure": fifth}})
    assert reasons(machine) == {
        5: {"current", "running", "booted"},
        4: {"rollback"},
        3: {"rollback"},
        2: {"rollback"},
    }


def found(generation: int, closure: str, running: str) -> dict[str, t.Any]:
    return {"generation": generation, "closure": closure, "running": running}


def test_what_an_interrupted_deployment_goes_back_to_must_stay(machine: Collecting) -> None:
    directory = machine.state / "runs" / "it was cut off"
    directory.mkdir(parents=True)
    recorded = {"default": 1, "running": 2, "boots": 0}
    text = "".join(f"recorded_{key}={machine.closures[number]}\n" for key, number in recorded.items())
    (directory / "recorded").write_text(machine.here(text))
    kept = {number: {"rollback"} for number in (3, 2, 1)}
    assert reasons(machine) == {5: {"current", "running", "booted"}, **kept}


def test_generations_go_then_their_boot_entries_and_then_the_garbage(machine: Collecting) -> None:
    done = machine.collect(keep_generations=2)
    assert machine.numbers == [4, 5]
    assert [each.number for each in done.deleted] == [1, 2, 3]
    assert [each.number for each in done.kept] == [4, 5]
    assert (done.paths, done.freed, done.boot_entries) == (7, 1572864, True)
    assert machine.collected == ["boot 5", "nix-store --gc"]
    assert machine.boots == "5"
    assert list((machine.state / "runs").iterdir()) == []
    assert not (machine.live / "lock").is_symlink()


def test_the_default_stays_the_default_where_another_system_runs(machine: Collecting) -> None:
    machine.run_booted_and_current(running=2, booted=3)
    machine.collect(keep_generations=1)
    assert machine.numbers == [2, 3, 5]
    assert machine.collected[0] == "boot 5"


def test_age_is_that_of_the_link(machine: Collecting) -> None:
    for number, days in {1: 90, 2: 60, 3: 40}.items():
        machine.age(number, days)
    machine.collect(keep_for="30d")
    assert machine.numbers == [3, 4, 5]


def test_a_boot_partition_that_does_not_answer_keeps_no_collection_from_its_end(machine: Collecting) -> None:
    left = machine.path("/left")
    machine.replace_tool("sync", f'[ "$1" != -f ] || {{ {shutil.which("sleep")} 60 & echo "$!" >{left}; }}')
    done = machine.collect(keep_generations=2)
    process = int(left.read_text())
    assert (done.boot_entries, is_gone(process)) == (True, False)
    os.kill(process, signal.SIGKILL)


def test_where_no_generation_goes_the_boot_entries_are_left_alone(machine: Collecting) -> None:
    done = machine.collect()
    assert (done.deleted, done.boot_entries, machine.collected) == ((), False, ["nix-store --gc"])


def test_what_has_come_into_use_since_the_question_stays(machine: Collecting) -> None:
    policy = Policy(keep_generations=1)
    plan = plan_of(machine.look(policy), policy)
    machine.run_booted_and_current(running=2, booted=5)
    machine.link(f"{PROFILE}-3-link", machine.system("nixos-another"))
    done = machine.collect(plan, keep_generations=1)
    assert [each.number for each in done.deleted] == [1, 4]
    assert [each.number for each in done.kept] == [2, 3, 5]


def test_no_more_is_collected_than_it_takes_to_have_room(machine: Collecting) -> None:
    machine.collect(free_space="150M")
    machine.collect(free_space="20%")
    machine.collect(free_space="50M")
    machine.collect(free_space="5%")
    assert machine.collected == [
        f"nix-store --gc --max-freed {50 << 20}",
        f"nix-store --gc --max-freed {1024000 * 1024 * 20 // 100 - (100 << 20)}",
    ]
    assert [machine.look(Policy(free_space=size)).lacking for size in ("150M", "50M")] == [50 << 20, -50 << 20]


def test_boot_entries_that_cannot_be_refreshed_keep_their_paths_and_are_refreshed_the_next_time(
    machine: Collecting,
) -> None:
    program = machine.path(f"{machine.closures[-1]}/bin/switch-to-configuration")
    text = program.read_text()
    program.write_text("#!/bin/sh\necho 'No space left on device'; exit 1\n")
    done = machine.collect(keep_generations=2)
    assert ([each.number for each in done.deleted], done.log.splitlines()[0]) == ([1, 2, 3], "No space left on device")
    assert "boot loader's entries could not be" in (done.failed or "")
    assert machine.collected == []
    program.write_text(text)
    assert machine.look().boot_entries_outdated
    done = machine.collect(keep_generations=2)
    assert (done.deleted, done.boot_entries, done.failed) == ((), True, None)
    assert machine.collected == ["boot 5", "nix-store --gc"]


def test_a_collection_that_fails_says_so_and_gives_the_lock_up(machine: Collecting) -> None:
    (machine.root / "broken").touch()
    done = machine.collect()
    assert (done.failed, done.paths) == ("nix-store --gc ended with exit code 1", 0)
    assert "malformed" in done.log
    assert not (machine.live / "lock").is_symlink()


@pytest.mark.parametrize("moment", ["before the question", "after it"])
def test_a_deployment_at_work_is_named_and_nothing_is_touched(machine: Collecting, moment: str) -> None:
    plan = plan_of(machine.look(), Policy(keep_generations=1))
    with at_work(machine, "60") as process:
        if moment == "before the question":
            refused = machine.look().refused or ""
        else:
            with pytest.raises(NixError) as raised:
                machine.collect(plan)
            refused = raised.value.cause
        process.kill()
    assert "bob@desk" in refused
    assert machine.numbers == [1, 2, 3, 4, 5]
    assert machine.collected == []
    assert not list((machine.state / "runs").glob("*"))


def test_a_deployment_that_ends_in_time_is_waited_for(machine: Collecting) -> None:
    with at_work(machine, "1.5"):
        done = machine.collect(keep_generations=2, wait=60)
    assert [each.number for each in done.deleted] == [1, 2, 3]


def at_work(machine: Collecting, seconds: str) -> subprocess.Popen[bytes]:
    """Return a process that holds the lock for so long."""
    process = subprocess.Popen(["sleep", seconds])
    machine.hold_lock(process.pid)
    return process


def test_a_lock_that_cannot_be_written_for_want_of_room_does_not_keep_the_garbage(machine: Collecting) -> None:
    machine.replace_tool(
        "ln", f'[ -e {machine.root}/room ] || {{ echo "No space left" >&2; exit 1; }}; exec {{ln}} "$@"'
    )
    machine.replace_tool(
        "nix-store",
        machine.here(
            "echo \"nix-store $*\" >> @root@/calls; touch @root@/room; echo '7 store paths deleted, 1.50 MiB freed'"
        ),
    )
    done = machine.collect()
    assert machine.collected == ["nix-store --gc --max-freed 16777216", "nix-store --gc"]
    assert (done.paths, done.freed) == (14, 3 << 20)


def test_what_is_kept_for_hosts_that_are_no_more_can_go(machine: Collecting) -> None:
    # Where nix_build and nix_copy_closure make them, for root.
    built = machine.home / ".local/state/nix.fleet/gcroots/built"
    copied = machine.state / "gcroots/copied"
    for root in (built / "web", built / "it's old", copied / "old/1"):
        root.parent.mkdir(parents=True, exist_ok=True)
        root.symlink_to(machine.path(machine.closures[0]))
    survey = machine.look()
    done = machine.collect(plan_of(survey, Policy(known_hosts=("web",))))
    assert done.roots == ("built/it's old", "copied/old")
    assert [each.name for each in built.iterdir()] == ["web"]
    assert list(copied.iterdir()) == []


def test_a_home_keeps_what_is_active(tmp_path: pathlib.Path) -> None:
    machine = Collecting(tmp_path, "dash")
    profile = "/nix/var/nix/profiles/per-user/alice/home-manager"
    homes = [machine.closure(f"home-{number}", activate="") for number in (1, 2, 3)]
    for number, home in enumerate(homes, 1):
        machine.link(f"{profile}-{number}-link", home)
    machine.link(profile, "home-manager-3-link")
    machine.link(machine.there(f"{machine.home}/.local/state/home-manager/gcroots/current-home"), homes[1])
    done = machine.collect(platform="home-manager", keep_generations=1)
    assert [each.number for each in done.deleted] == [1]


def test_a_machine_of_no_platform_has_its_garbage_collected(tmp_path: pathlib.Path) -> None:
    machine = Collecting(tmp_path, "dash")
    machine.path("/run/current-system").unlink()
    survey = machine.look(platform=None)
    assert (survey.platform, survey.profiles, survey.refused) == (None, (), None)


def test_a_user_who_is_not_root_is_refused_where_the_generations_are_roots(machine: Collecting) -> None:
    machine.replace_tool("id", "[ $1 = -u ] && echo 1000 || echo alice")
    assert "root's, and this is alice" in (machine.look().refused or "")


@pytest.mark.parametrize(
    "nonsense", ["", "\0", "generation=x y z", "generation=1 2", "root=built/../../etc", "lacking=-"]
)
def test_nonsense_is_as_if_it_were_not_there(nonsense: str) -> None:
    survey = parse_survey(nonsense)
    assert (survey.generations, survey.roots, survey.lacking) == ((), (), None)
    with pytest.raises(NixError):
        parse_collection(nonsense, Plan())


def test_what_the_machine_says_it_has_deleted_is_believed_only_of_what_was_asked() -> None:
    plan = Plan(going=(Generation(PROFILE, 1),))
    done = parse_collection(f"deleted=2 {PROFILE}\ndeleted=1 {PROFILE}\ncomplete=yes\n", plan)
    assert [each.number for each in done.deleted] == [1]
