# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that could not be brought back is brought back later, without anybody, unless somebody has taken it from there."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy

from .interrupting import HALFWAY, STUCK, STUCK_HALFWAY, children_of, cut_off, guard_of, is_gone, rewrite_record
from .nixos import LOADER, PROFILE, RUNNING, NixOS, wait_for, whole

if t.TYPE_CHECKING:
    from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Request

UNTIL_REPAIRED = '[ -e "$root/repaired" ] || exit 2'


@pytest.fixture
def fragile(nixos: NixOS) -> str:
    """A system that runs, and cannot be activated until it is repaired."""
    nixos.hurry()
    first, fragile = nixos.system("nixos-first"), nixos.system("nixos-fragile", trouble=UNTIL_REPAIRED)
    nixos.install(first, fragile)
    return fragile


def outcomes(nixos: NixOS) -> list[str]:
    return [entry["outcome"] for entry in nixos.journal]


@contextlib.contextmanager
def nothing_tried(nixos: NixOS, request: Request) -> t.Iterator[None]:
    """Have the machine to oneself between two tries."""
    guard = guard_of(nixos, request)
    os.kill(guard, signal.SIGSTOP)
    wait_for(lambda: all(is_gone(child) for child in children_of(guard)))
    yield
    os.kill(guard, signal.SIGCONT)


def tried_again(nixos: NixOS) -> bool:
    return len([call for call in nixos.calls if call == "test fragile"]) > 1


def test_a_way_back_that_fails_is_told_and_tried_again_until_the_machine_is_back(nixos: NixOS, fragile: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", trouble=HALFWAY))
    assert (answer.outcome, answer.now.running != fragile) == ("rollback_failed", True)
    wait_for(lambda: tried_again(nixos))
    assert outcomes(nixos) == ["rollback_failed"]
    nixos.path("/repaired").touch()
    wait_for(lambda: outcomes(nixos) == ["rollback_failed", "rolled_back"])
    assert nixos.whole_as == whole(fragile)
    assert sorted(nixos.generations(PROFILE)) == [1, 2]
    wait_for(lambda: not (nixos.live / "lock").is_symlink())


@pytest.mark.parametrize("end", ["rolled_back", "superseded"])
def test_who_is_back_at_a_later_try_says_why_it_went_back_at_first(nixos: NixOS, fragile: str, end: str) -> None:
    request = nixos.request(nixos.system("nixos-bad", trouble=f"{HALFWAY[:-6]}echo the disk is on fire; exit 2"))
    first = deploy(nixos, request)
    assert (first.outcome, first.exit_code) == ("rollback_failed", 2)
    with nothing_tried(nixos, request):
        if end == "superseded":
            nixos.link(RUNNING, nixos.system("nixos-manual"))
    nixos.path("/repaired").touch()
    wait_for(lambda: outcomes(nixos) == ["rollback_failed", end])
    cause = "activation ended with exit code 2: the disk is on fire"
    assert nixos.journal[-1]["exit_code"] == 2
    assert nixos.journal[-1]["cause"].startswith(cause)
    # What was not as it was is as it was by now.
    assert fragile not in nixos.journal[-1]["cause"]


def test_what_is_back_is_told_also_where_the_outcome_before_it_can_be_neither_removed_nor_replaced(
    nixos: NixOS, fragile: str
) -> None:
    request = nixos.request(nixos.system("nixos-bad", trouble=HALFWAY))
    assert deploy(nixos, request).outcome == "rollback_failed"
    for tool in ("mv", "rm"):
        nixos.replace_tool(tool, f'case "$*" in *runs/*/outcome*|*./outcome*) exit 1 ;; esac; exec {{{tool}}} "$@"')
    nixos.path("/repaired").touch()
    wait_for(lambda: not (nixos.live / "lock").is_symlink(), 60)
    assert deploy(nixos, request).outcome == "rolled_back"
    # Nobody takes it for what is still to be brought back.
    calls = nixos.calls
    assert nixos.deploy(nixos.system("nixos-new")).outcome == "activated"
    assert nixos.calls == [*calls, "test new", "boot new"]


def test_an_old_system_that_lies_about_running_again_is_found_out_and_tried_again(nixos: NixOS) -> None:
    nixos.hurry()
    old = nixos.system("nixos-old", trouble='[ -e "$root/repaired" ] || exit 0')
    nixos.install(nixos.system("nixos-first"), old)
    bad = nixos.system("nixos-bad", trouble=HALFWAY)
    answer = nixos.deploy(bad)
    assert (answer.outcome, bad in answer.cause) == ("rollback_failed", True), answer
    nixos.path("/repaired").touch()
    wait_for(lambda: outcomes(nixos) == ["rollback_failed", "rolled_back"])
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize("tool", ["rm", "ln"])
def test_a_profile_that_cannot_be_set_back_is_set_back_when_it_can_be(nixos: NixOS, tool: str) -> None:
    nixos.hurry()
    old = nixos.system("nixos-old")
    nixos.install(nixos.system("nixos-first"), old)
    broken = nixos.here(f"{PROFILE}.broken")
    fails = f'case "$*" in *{nixos.here(PROFILE)}) [ ! -e {broken} ] || exit 1 ;; esac; exec {{{tool}}} "$@"'
    nixos.replace_tool(tool, fails)
    # It is renamed into place where that can be done.
    nixos.replace_tool("mv", fails.replace("{" + tool + "}", "{mv}"))
    bad = nixos.system("nixos-bad", loading=f': > "{PROFILE}.broken"; exit 1')
    answer = nixos.deploy(bad)
    assert (answer.outcome, answer.now.running) == ("rollback_failed", old)
    # A link that cannot be removed leads somewhere until it can be.
    assert answer.now.closure == (bad if tool == "rm" else None)
    nixos.path(f"{PROFILE}.broken").unlink()
    wait_for(lambda: outcomes(nixos) == ["rollback_failed", "rolled_back"])
    assert nixos.whole_as == whole(old)
    assert sorted(nixos.generations(PROFILE)) == [1, 2]


def test_a_profile_that_the_old_activation_itself_has_set_is_set_back(nixos: NixOS) -> None:
    sets = f'ln -sfn system-1-link "{PROFILE}"; ln -s "$(readlink "{RUNNING}")" "{PROFILE}-7-link"'
    old, bad = nixos.system("nixos-old", trouble=sets), nixos.system("nixos-bad", trouble=HALFWAY)
    nixos.install(nixos.system("nixos-first"), old)
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)
    assert sorted(nixos.generations(PROFILE)) == [1, 2]


def test_a_generation_that_was_deleted_meanwhile_is_made_again(nixos: NixOS, old: str) -> None:
    bad = nixos.system("nixos-bad", loading=f'rm "{PROFILE}-2-link"; exit 1')
    answer = nixos.deploy(bad)
    assert (answer.outcome, nixos.whole_as) == ("rolled_back", whole(old))
    # Of a profile elsewhere, Nix has to know of it.
    assert f"--add-root {PROFILE}-2-link" in answer.log


def test_a_generation_that_there_is_no_room_to_make_again_is_made_when_there_is(nixos: NixOS) -> None:
    nixos.hurry()
    old = nixos.system("nixos-old")
    nixos.install(nixos.system("nixos-first"), old)
    nixos.replace_tool("ln", 'case "$*" in *-2-link) exit 1 ;; esac; exec {ln} "$@"')
    bad = nixos.system("nixos-bad", loading=f'rm "{PROFILE}-2-link"; exit 1')
    answer = nixos.deploy(bad)
    assert (answer.outcome, answer.now.closure) == ("rollback_failed", bad)
    nixos.replace_tool("ln", 'exec {ln} "$@"')
    wait_for(lambda: nixos.whole_as == whole(old))


def test_a_profile_is_linked_back_where_nix_cannot_set_it(nixos: NixOS, old: str) -> None:
    bad = nixos.system("nixos-bad", loading=f': > "{PROFILE}.broken"; exit 1')
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)
    assert sorted(nixos.generations(PROFILE)) == [1, 2]


@pytest.mark.parametrize("taken", [False, True], ids=["there", "another's"])
def test_a_nix_that_hangs_keeps_nothing_else_from_going_back(nixos: NixOS, old: str, *, taken: bool) -> None:
    nixos.replace_tool("sleep", 'case $1 in 0.*) set 0.001 ;; 1000) ;; *) set 0.2 ;; esac; exec {sleep} "$1"')
    nix = nixos.tool("nix-env").read_text()
    hangs = f'case "$*" in *{old}|*-generation*) [ ! -e "{nixos.root}/hung" ] || exec sleep 1000 ;; esac\n'
    nixos.tool("nix-env").write_text(nix.replace("\n", f"\n{hangs}", 1))
    takes = f'ln -sfn "{nixos.system("nixos-other")}" "{PROFILE}-2-link"; ' if taken else ""
    answer = nixos.deploy(nixos.system("nixos-bad", loading=f'{takes}: > "$root/hung"; exit 1'))
    assert answer.outcome == ("rollback_failed" if taken else "rolled_back")
    assert (answer.now.running, nixos.boots) == (old, "old")
    nixos.path("/hung").unlink()
    wait_for(lambda: nixos.whole_as == whole(old))


def test_a_profile_that_is_linked_back_is_missing_at_no_time(nixos: NixOS, old: str) -> None:
    taken = f'case "$*" in *{nixos.here(PROFILE)}) : >"{nixos.root}/missing" ;; esac'
    nixos.replace_tool("rm", f'{taken}; exec {{rm}} "$@"')
    bad = nixos.system("nixos-bad", loading=f': > "{PROFILE}.broken"; exit 1')
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)
    assert not nixos.path("/missing").exists()


def test_a_profile_that_can_lead_back_to_nothing_leads_on_to_what_failed(nixos: NixOS, old: str) -> None:
    gone = f'rm "{PROFILE}-2-link"; mv "{old}" "$root/gone"; : > "{PROFILE}.broken"; exit 1'
    bad = nixos.system("nixos-bad", loading=gone)
    answer = nixos.deploy(bad)
    assert (answer.outcome, answer.now.closure) == ("rollback_failed", bad)


def test_a_profile_is_not_taken_away_where_there_is_no_room_for_another_link(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("ln", 'case "$*" in *.fleet) exit 1 ;; esac; exec {ln} "$@"')
    bad = nixos.system("nixos-bad", loading="exit 1")
    answer = nixos.deploy(bad)
    assert (answer.outcome, answer.now.closure) == ("rollback_failed", bad)
    nixos.replace_tool("ln", 'exec {ln} "$@"')
    wait_for(lambda: nixos.whole_as == whole(old))


def test_another_deployment_takes_the_place_of_trying_again(nixos: NixOS) -> None:
    nixos.install(nixos.system("nixos-first"), nixos.system("nixos-fragile", trouble=UNTIL_REPAIRED))
    failed = nixos.request(nixos.system("nixos-bad", trouble=HALFWAY))
    assert deploy(nixos, failed).outcome == "rollback_failed"
    guard = guard_of(nixos, failed)
    new = nixos.system("nixos-new")
    assert nixos.deploy(new).outcome == "activated"
    nixos.path("/repaired").touch()
    wait_for(lambda: is_gone(guard))
    assert nixos.whole_as == whole(new)
    assert outcomes(nixos) == ["rollback_failed", "activated"]


@pytest.mark.slow
def test_another_deployment_that_was_cut_off_is_not_finished_by_the_one_before(nixos: NixOS) -> None:
    nixos.install(nixos.system("nixos-first"), nixos.system("nixos-fragile", trouble=UNTIL_REPAIRED))
    failed = nixos.request(nixos.system("nixos-bad", trouble=HALFWAY))
    assert deploy(nixos, failed).outcome == "rollback_failed"
    guard = guard_of(nixos, failed)
    cut_off(nixos, lock_timeout=60)
    calls = nixos.calls
    nixos.path("/repaired").touch()
    # Longer than it pauses the first time.
    time.sleep(7)
    assert (nixos.calls, outcomes(nixos)) == (calls, ["rollback_failed"])
    os.kill(guard, signal.SIGKILL)


def test_no_other_deployment_begins_while_it_is_tried_again(nixos: NixOS) -> None:
    nixos.hurry()
    stuck = f'[ "$(wc -l < "$root/calls")" -lt 3 ] || {{ {STUCK}; exit 0; }}; exit 2'
    old = nixos.system("nixos-old", trouble=stuck)
    nixos.install(nixos.system("nixos-first"), old)
    assert nixos.deploy(nixos.system("nixos-bad", trouble=HALFWAY)).outcome == "rollback_failed"
    wait_for(nixos.path("/step").exists)
    assert nixos.deploy(nixos.system("nixos-new")).outcome == "refused"
    assert nixos.calls == ["test bad", "test old", "test old"]


@pytest.mark.slow
def test_what_was_too_slow_to_go_back_is_given_more_time(nixos: NixOS) -> None:
    nixos.hurry()
    # In short pauses, as the supervisor counts its time: a busy machine stretches both.
    old = nixos.system("nixos-old", trouble="n=0; while [ $n -lt 200 ]; do sleep 0.01; n=$((n + 1)); done")
    nixos.install(nixos.system("nixos-first"), old)
    bad = nixos.system("nixos-bad", trouble=HALFWAY)
    # On a busy machine, what is heard may already be the second end.
    nixos.deploy(bad, activation_timeout=1)
    wait_for(lambda: outcomes(nixos) == ["rollback_failed", "rolled_back"], 60)
    assert nixos.whole_as == whole(old)


def test_who_finishes_for_a_killed_guard_tries_again_too_and_tells_it_once(nixos: NixOS, fragile: str) -> None:
    request = nixos.request(nixos.system("nixos-bad", trouble=HALFWAY))
    assert deploy(nixos, request).outcome == "rollback_failed"
    family = [guard_of(nixos, request), nixos.worker_of(request)]
    for process in family:
        with contextlib.suppress(ProcessLookupError):  # what has been tried ends with its try
            os.kill(process, signal.SIGKILL)
    wait_for(lambda: all(is_gone(process) for process in family))
    before = len(nixos.calls)
    threading.Thread(target=nixos.program, args=(request, "recover"), daemon=True).start()
    wait_for(lambda: len(nixos.calls) > before + 1, 60)
    assert outcomes(nixos) == ["rollback_failed"]
    nixos.path("/repaired").touch()
    wait_for(lambda: outcomes(nixos) == ["rollback_failed", "rolled_back"], 60)
    assert nixos.whole_as == whole(fragile)


def test_what_somebody_has_made_of_the_machine_meanwhile_is_not_undone(nixos: NixOS, fragile: str) -> None:
    request = nixos.request(nixos.system("nixos-bad", trouble=HALFWAY))
    deploy(nixos, request)
    manual = nixos.system("nixos-manual")
    with nothing_tried(nixos, request):
        nixos.link(f"{PROFILE}-9-link", manual)
        nixos.link(PROFILE, "system-9-link")
        nixos.link(RUNNING, manual)
        nixos.load(manual)
    nixos.path("/repaired").touch()
    wait_for(lambda: outcomes(nixos) == ["rollback_failed", "superseded"])
    assert nixos.whole_as == whole(manual)


@pytest.mark.parametrize("by_hand", ["test", "switch", "boot"])
def test_the_rejected_system_that_somebody_has_come_back_to_by_hand_is_not_undone(
    nixos: NixOS, old: str, by_hand: str
) -> None:
    nixos.hurry()
    # The boot loader is what cannot be written back.
    nixos.path(f"{old}/bin/switch-to-configuration").write_text(
        nixos.path(f"{old}/bin/switch-to-configuration").read_text().replace("boot)", "boot) exit 1;")
    )
    write = 'echo "default nixos-bad.conf" > "/boot/loader/loader.conf"'
    bad = nixos.system(
        "nixos-bad", loading=f'echo "options init=$self/init" > "{LOADER}/entries/nixos-bad.conf"; {write}; exit 1'
    )
    request = nixos.request(bad)
    assert deploy(nixos, request).outcome == "rollback_failed"
    with nothing_tried(nixos, request):
        if by_hand != "test":
            nixos.link(f"{PROFILE}-3-link", bad)
            nixos.link(PROFILE, "system-3-link")
        if by_hand != "boot":
            nixos.link(RUNNING, bad)
    wait_for(lambda: outcomes(nixos) == ["rollback_failed", "superseded"])
    assert nixos.whole_as == (old if by_hand == "boot" else bad, old if by_hand == "test" else bad, "bad")


def test_a_worker_that_is_killed_again_and_again_is_made_up_for_again_and_again(nixos: NixOS) -> None:
    nixos.replace_tool("sleep", 'case $1 in 5|15) exec {sleep} 0.2 ;; esac; exec {sleep} "$1"')
    # What goes back kills its own supervisor, the first times.
    holder = 'readlink "/run/nix.fleet/lock" | sed -n "s/^pid=//p"'
    kills = f'echo >> "$root/times"; [ "$(wc -l < "$root/times")" -gt 2 ] || {{ kill -9 "$({holder})"; sleep 30; }}'
    old = nixos.system("nixos-old", trouble=kills)
    nixos.install(nixos.system("nixos-first"), old)
    request = nixos.request(nixos.system("nixos-bad", trouble=HALFWAY))
    assert deploy(nixos, request).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)
    assert outcomes(nixos) == ["rolled_back"]


def test_a_system_that_a_reboot_came_up_on_is_left_again(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos, trouble=STUCK_HALFWAY)
    rewrite_record(nixos, slow, recorded_boot="earlier")
    nixos.program(slow, "recover")
    assert outcomes(nixos) == ["rolled_back"]
    assert nixos.whole_as == whole(old)


def test_a_deployment_that_nobody_could_bring_back_is_finished_by_nobody_once_it_ended(
    nixos: NixOS, fragile: str
) -> None:
    request = nixos.request(nixos.system("nixos-bad", trouble=HALFWAY))
    assert deploy(nixos, request).outcome == "rollback_failed"
    program = nixos.state / "runs" / request.id / "program"
    text = program.read_text()
    nixos.path("/repaired").touch()
    wait_for(lambda: outcomes(nixos)[-1] == "rolled_back" and not program.read_text())
    # As who was launched in the moment in which it ended.
    program.write_text(text)
    calls = nixos.calls
    nixos.hold_lock(os.getpid())
    nixos.program(request, "recover")
    assert (nixos.calls, outcomes(nixos)) == (calls, ["rollback_failed", "rolled_back"])
    assert (nixos.live / "lock").is_symlink()


def test_without_a_rollback_on_failure_nothing_is_tried_again(nixos: NixOS, fragile: str) -> None:
    bad = nixos.system("nixos-bad", trouble=HALFWAY)
    request = nixos.request(bad, rollback_on_failure=False)
    assert deploy(nixos, request).outcome == "failed"
    assert not (nixos.live / "lock").is_symlink()
    assert nixos.calls == ["test bad"]
    assert nixos.standing(RUNNING) == bad


def test_the_guard_outlives_a_stop_while_it_waits_to_try_again(nixos: NixOS, fragile: str) -> None:
    request = nixos.request(nixos.system("nixos-bad", trouble=HALFWAY))
    assert deploy(nixos, request).outcome == "rollback_failed"
    os.kill(guard_of(nixos, request), signal.SIGTERM)
    nixos.path("/repaired").touch()
    wait_for(lambda: outcomes(nixos)[-1] == "rolled_back")
    assert nixos.whole_as == whole(fragile)


def test_once_it_is_told_that_the_machine_is_not_back_the_next_deployment_may_begin(nixos: NixOS, fragile: str) -> None:
    lock = nixos.live / "lock"
    # Who has told it takes its time to end.
    nixos.replace_tool("mv", f'{{mv}} "$@"; case $(readlink "{lock}") in *phase=free*) sleep 0.9; sleep 0.9 ;; esac')
    assert nixos.deploy(nixos.system("nixos-bad", trouble=HALFWAY)).outcome == "rollback_failed"
    assert nixos.deploy(nixos.system("nixos-new"), goal="dry-activate").outcome == "unchanged"
