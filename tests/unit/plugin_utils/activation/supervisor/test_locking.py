# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments of one machine never run together, and one that was without its lock for a moment looks whose it is by now."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from concurrent import futures

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import Answer
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import CONFIRMED, confirm, deploy
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Origin
from ansible_collections.nix.fleet.plugins.plugin_utils.target.programs import part

from .interrupting import awaiting, blocked_recovery, children_of, cut_off, family, guard_of, is_gone, own_name
from .nixos import PROFILE, RUNNING, NixOS, wait_for, whole


def test_a_second_deployment_is_refused_and_told_whose_the_first_is(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble="sleep 2"))
    thread = nixos.start(slow)
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert (answer.outcome, answer.code) == ("refused", "locked")
    assert ("alice@laptop" in answer.cause, slow.id in answer.cause) == (True, True)
    thread.join()
    assert nixos.boots == "slow"


def test_two_at_once_never_run_together(nixos: NixOS, old: str) -> None:
    answers: list[Answer] = []
    systems = [nixos.system(f"nixos-{name}", trouble="sleep 1") for name in ("a", "b", "c")]
    threads = [
        threading.Thread(target=lambda system=system: answers.append(nixos.deploy(system))) for system in systems
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.outcome for answer in answers).count("activated") >= 1
    # Whether it was found out before anything was begun, or by who had begun as well.
    refused = [answer for answer in answers if answer.outcome == "refused"]
    assert {answer.advice for answer in refused} <= {"wait for it to end, then run again"}
    calls = nixos.calls
    assert [call.split()[1] for call in calls[::2]] == [call.split()[1] for call in calls[1::2]]


def test_another_profile_of_the_machine_waits_for_its_turn_in_the_same_run(nixos: NixOS, old: str) -> None:
    night = Origin("alice", "laptop", run="night")
    slow = nixos.request(nixos.system("nixos-slow", trouble="sleep 2"), origin=night)
    thread = nixos.start(slow)
    other = nixos.request(nixos.system("nixos-other"), origin=night, profile="/nix/var/nix/profiles/other")
    assert deploy(nixos, other).outcome == "activated"
    thread.join()
    assert nixos.calls == ["test slow", "boot slow", "test other", "boot other"]


def test_profiles_of_one_run_that_begin_in_one_moment_come_one_after_the_other(nixos: NixOS, old: str) -> None:
    night = Origin("alice", "laptop", run="night")
    requests = [
        nixos.request(
            nixos.system(f"nixos-{name}", trouble="sleep 1"), origin=night, profile=f"/nix/var/nix/profiles/{name}"
        )
        for name in ("a", "b", "c")
    ]
    with futures.ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda request: deploy(nixos, request), requests))
    assert [answer.outcome for answer in answers] == ["activated"] * 3
    calls = nixos.calls
    assert [call.split()[1] for call in calls[::2]] == [call.split()[1] for call in calls[1::2]]


def test_a_dead_lock_that_another_has_taken_over_meanwhile_is_theirs(nixos: NixOS, old: str) -> None:
    nixos.hold_lock(os.getpid(), boot="earlier")
    (nixos.live / "takeover").symlink_to(own_name())
    asked = nixos.request(nixos.system("nixos-new"))
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(deploy(nixos, asked).outcome))
    thread.start()
    wait_for((nixos.state / "runs" / asked.id / "worker").is_symlink)
    # So long that it has found the lock.
    time.sleep(1)
    nixos.hold_lock(os.getpid())
    (nixos.live / "takeover").unlink()
    thread.join()
    assert answers == ["refused"]
    assert nixos.calls == []


def test_a_lock_that_is_taken_anew_in_the_moment_when_it_was_free_is_waited_for(nixos: NixOS, old: str) -> None:
    # As by a machine that is still brought back, again and again: who has waited for a second sees it free, once.
    nixos.hold_lock(os.getpid())
    lock, waited = nixos.live / "lock", nixos.path("/waited")
    nixos.replace_tool("sleep", f'[ "$1" != 1 ] || : >"{waited}"; exec {{sleep}} "$@"')
    free = f'[ "$1" = "{lock}" ] && rm "{waited}" 2>/dev/null && exec echo phase=free'
    nixos.replace_tool("readlink", f'{free}; exec {{readlink}} "$@"')
    asked = nixos.request(nixos.system("nixos-new"), lock_timeout=600)
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(deploy(nixos, asked).outcome))
    thread.start()
    wait_for(lambda: bool(answers) or (nixos.state / "runs" / asked.id).exists())
    lock.unlink()
    thread.join()
    assert answers == ["activated"]


@pytest.mark.parametrize("origin", [Origin("alice", "laptop", run="morning"), Origin("alice", "laptop")])
def test_another_profile_of_the_machine_is_refused_in_another_run(nixos: NixOS, old: str, origin: Origin) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble="sleep 1"), origin=Origin("alice", "laptop", run="night"))
    thread = nixos.start(slow)
    other = nixos.request(nixos.system("nixos-other"), origin=origin, profile="/nix/var/nix/profiles/other")
    assert deploy(nixos, other).outcome == "refused"
    thread.join()


def test_another_profile_is_refused_where_the_first_may_wait_for_its_end(nixos: NixOS, old: str) -> None:
    night = Origin("alice", "laptop", run="night")
    thread = nixos.start(nixos.request(nixos.system("nixos-slow", trouble="sleep 1"), origin=night))
    profile = "/nix/var/nix/profiles/other"
    answer = nixos.deploy(nixos.system("nixos-other"), origin=night, profile=profile, in_turn=False)
    assert answer.outcome == "refused"
    thread.join()


def test_asking_again_waits_for_what_was_begun_and_begins_nothing(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble="sleep 1"))
    thread = nixos.start(slow)
    assert deploy(nixos, slow).outcome == "activated"
    thread.join()
    assert nixos.calls == ["test slow", "boot slow"]
    assert deploy(nixos, slow).outcome == "activated"


def test_asking_again_to_go_back_by_one_goes_back_by_one(nixos: NixOS, old: str) -> None:
    asked = nixos.request(rollback="previous")
    assert [deploy(nixos, asked).outcome for _time in range(2)] == ["activated", "activated"]


@pytest.mark.parametrize("freed", [False, True])
def test_who_waits_for_its_turn_is_told_what_became_of_it_on_another_connection(
    nixos: NixOS, old: str, *, freed: bool
) -> None:
    nixos.hold_lock(os.getpid())
    asked = nixos.request(old, lock_timeout=600)
    answers: list[str] = []
    nixos.replace_tool("sleep", f': > "{nixos.root}/waits"; exec {{sleep}} "$@"')
    thread = threading.Thread(target=lambda: answers.append(deploy(nixos, asked).outcome))
    thread.start()
    wait_for(nixos.path("/waits").exists)
    run = nixos.state / "runs" / asked.id
    run.mkdir(parents=True)
    (run / "outcome").write_text("outcome=activated\n")
    if freed:
        (nixos.live / "lock").unlink()
    thread.join(30)
    assert answers == ["activated"]


def test_nothing_is_foreseen_while_another_deployment_runs(nixos: NixOS, old: str) -> None:
    nixos.hold_lock(os.getpid())
    assert nixos.deploy(nixos.system("nixos-new"), goal="dry-activate").outcome == "refused"


def test_the_lock_of_a_process_that_is_dead_but_for_its_parent_is_taken_over(nixos: NixOS, old: str) -> None:
    process = subprocess.Popen(["true"])
    wait_for(lambda: is_gone(process.pid))
    nixos.hold_lock(process.pid)
    assert nixos.deploy(nixos.system("nixos-new")).outcome == "activated"
    process.wait()


def test_a_deployment_has_ended_when_the_next_may_begin(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("rm", f'case "$*" in *"{nixos.live}/lock") sleep 1 ;; esac; exec {{rm}} "$@"')
    assert nixos.deploy(nixos.system("nixos-new")).outcome == "activated"
    assert not (nixos.live / "lock").is_symlink()


def test_a_script_that_comes_second_leaves_the_first_ones_directory_alone(nixos: NixOS, old: str) -> None:
    asked = nixos.request(nixos.system("nixos-new"))
    run = nixos.state / "runs" / asked.id
    # In the moment between looking and beginning, the same script on another connection has begun, and ended.
    nixos.replace_tool(
        "mkdir", f'{{mkdir}} "$@" && [ -e "{run}" ] || {{mkdir}} "{run}" && echo outcome=activated >"{run}/outcome"'
    )
    assert deploy(nixos, asked).outcome == "activated"
    assert (run / "outcome").exists()
    assert nixos.calls == []


def test_a_deployment_that_is_launched_twice_runs_once(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow", trouble="sleep 1"))
    thread = nixos.start(slow)
    nixos.program(slow, "run")
    nixos.program(slow, "recover")
    thread.join()
    assert deploy(nixos, slow).outcome == "activated"
    assert nixos.calls == ["test slow", "boot slow"]


@pytest.mark.parametrize("breaking", [False, True])
def test_a_takeover_that_nobody_lives_to_end_does_not_stand_in_the_way(
    nixos: NixOS, old: str, *, breaking: bool
) -> None:
    leave_a_dead_takeover(nixos)
    if breaking:  # and neither did who wanted to remove it
        (nixos.live / "takeover.dead").mkdir()
        nixos.replace_tool("sleep", '[ "$1" = 1 ] && set -- 0.01; {sleep} "$@"')
    (nixos.live / "lock").symlink_to("id=long-gone")
    assert nixos.deploy(nixos.system("nixos-new")).outcome == "activated"
    assert sorted(path.name for path in nixos.state.iterdir()) == ["journal.jsonl", "runs"]


def test_of_those_that_find_a_dead_takeover_one_goes_on_at_a_time(nixos: NixOS, old: str) -> None:
    leave_a_dead_takeover(nixos)
    # The one that finds it dead first is slow to remove it: by then, the other one may have one of its own.
    slow = f'for _ in 1 2 3 4 5 6 7 8 9 10; do [ -e "{nixos.root}/inside" ] || sleep 0.2; done'
    nixos.replace_tool("rm", f'! mkdir "{nixos.root}/first" 2>/dev/null || {{ {slow}; }}; {{rm}} "$@"')
    critical = 'mkdir "@root@/inside" && echo alone; sleep 2; rmdir "@root@/inside"'
    calls = ["live=/run/nix.fleet", f"critical() {{ {critical}; }}", 'process_alone "$live/takeover" critical']
    script = nixos.here("\n".join([part("process"), *calls]))
    with futures.ThreadPoolExecutor() as pool:
        said = [done.stdout + done.stderr for done in pool.map(lambda _: nixos.script("-s", text=script), range(2))]
    assert said == ["alone\n", "alone\n"]


def leave_a_dead_takeover(nixos: NixOS) -> None:
    nixos.live.mkdir(parents=True)
    (nixos.live / "takeover").symlink_to("4194305 1 earlier")


def test_the_lock_takes_all_the_room_at_once_that_it_ever_takes(nixos: NixOS, old: str) -> None:
    sizes = nixos.path("/sizes")
    # But for the numbers of processes.
    size = "printf '%s\\n' \"$2\" | grep -v -e ^pid= -e ^start= | wc -c"
    nixos.replace_tool("ln", f'case $2 in id=*) {size} >>"{sizes}" ;; esac; exec {{ln}} "$@"')
    asked = awaiting(nixos, nixos.system("nixos-new"))
    confirm(nixos, asked.id, CONFIRMED, 60)
    first, *later = map(int, sizes.read_text().split())
    assert first >= max(later)


def test_all_systems_are_kept_from_the_garbage_collector_for_as_long_as_it_lasts(nixos: NixOS, old: str) -> None:
    tried = nixos.system("nixos-tried")
    nixos.link(RUNNING, tried)
    new = nixos.system("nixos-new", trouble="sleep 1")
    asked = nixos.request(new)
    thread = nixos.start(asked)
    run = nixos.state / "runs" / asked.id
    roots = ("closure", "before", "default")
    assert [nixos.there(str((run / root).readlink())) for root in roots] == [new, tried, old]
    thread.join()
    assert not [root for root in roots if (run / root).is_symlink()]


def test_neither_the_settings_of_nix_nor_the_program_is_left_behind(nixos: NixOS, old: str) -> None:
    asked = nixos.request(nixos.system("nixos-new"), nix_options={"access-tokens": "example.org=secret"})
    deploy(nixos, asked)
    files = [path for path in (nixos.state / "runs" / asked.id).iterdir() if path.is_file()]
    assert files
    assert not [path for path in files if b"secret" in path.read_bytes()]
    assert not (nixos.state / "runs" / asked.id / "program").read_text()


def test_a_generation_that_goes_while_a_rollback_waits_for_its_turn_is_told(nixos: NixOS, old: str) -> None:
    nixos.hold_lock(os.getpid())
    # For what a reboot brings, no check of the system's own stands in between.
    asked = nixos.request(rollback="previous", goal="boot", lock_timeout=600)
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(deploy(nixos, asked).outcome))
    # As the deployment that it waits for has it collected.
    nixos.replace_tool("mkdir", f'rm -f "{nixos.path(PROFILE)}-1-link"; exec {{mkdir}} "$@"')
    thread.start()
    (nixos.live / "lock").unlink()
    thread.join()
    assert answers == ["refused"]
    assert nixos.calls == []
    assert nixos.whole_as == whole(old)


def test_who_cannot_say_that_it_is_at_work_touches_nothing(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("mv", f'case "$*" in *" {nixos.live}/lock") exit 1 ;; esac; exec {{mv}} "$@"')
    assert nixos.deploy(nixos.system("nixos-new")).outcome == "refused"
    assert nixos.calls == []


def test_what_was_left_of_handing_the_lock_over_is_in_nobodys_way(nixos: NixOS, old: str) -> None:
    asked = nixos.request(nixos.system("nixos-new"))
    nixos.live.mkdir(parents=True)
    (nixos.live / f"lock.{asked.id}").symlink_to("half of it")
    assert deploy(nixos, asked).outcome == "activated"
    assert not (nixos.live / f"lock.{asked.id}").is_symlink()


def test_a_guard_that_is_told_to_stop_leaves_that_to_its_worker(nixos: NixOS, old: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"))
    guard = family(nixos.supervisor_of(request), 0)[0]
    children = children_of(guard)
    os.kill(guard, signal.SIGTERM)
    # So long that it has noticed.
    time.sleep(1)
    assert children_of(guard) == children
    assert confirm(nixos, request.id, CONFIRMED, 60).outcome == "confirmed"


def test_a_lock_is_not_that_of_a_process_that_has_been_given_the_same_number_since(nixos: NixOS, old: str) -> None:
    nixos.hold_lock(os.getpid())
    lock = nixos.live / "lock"
    record = lock.readlink().as_posix().replace("start=", "start=1")
    lock.unlink()
    lock.symlink_to(record)
    assert nixos.deploy(nixos.system("nixos-new")).outcome == "activated"


def have_others_take_the_lock_when_it_activates(nixos: NixOS, closure: str) -> None:
    """Have the lock be a living process's of another deployment as soon as ``closure`` is activated."""
    nixos.hold_lock(os.getpid())
    others = (nixos.live / "lock").rename(nixos.live / "others")
    script = nixos.path(f"{closure}/bin/switch-to-configuration")
    script.write_text(
        script.read_text().replace(
            "test)",
            f'test) cp -P "{others}" "{nixos.live}/lock.others"; mv -f "{nixos.live}/lock.others" "{nixos.live}/lock";',
        )
    )


def test_a_lock_that_another_takes_while_what_was_interrupted_goes_back_is_theirs(nixos: NixOS, old: str) -> None:
    cut_off(nixos)
    lock = (nixos.live / "lock").readlink()
    have_others_take_the_lock_when_it_activates(nixos, old)
    (nixos.live / "lock").symlink_to(lock)
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert (answer.outcome, "bob@desk" in answer.cause) == ("refused", True)
    assert nixos.calls == ["test slow", "test old"]
    assert "id=another\n" in (nixos.live / "lock").readlink().as_posix()


def test_who_finds_a_lock_taken_that_is_free_a_moment_later_goes_back_with_one_of_its_own(
    nixos: NixOS, old: str
) -> None:
    slow = cut_off(nixos)
    lock = nixos.live / "lock"
    nixos.hold_lock(os.getpid())
    record = lock.readlink().as_posix().replace("id=another", f"id={slow.id}")
    lock.unlink()
    lock.symlink_to(record)
    once = f'mkdir "{nixos.root}/once" 2>/dev/null && {{rm}} -f "{lock}"'
    nixos.replace_tool("rm", f'case "$*" in */takeover) {once} ;; esac; exec {{rm}} "$@"')
    script = nixos.path(f"{old}/bin/switch-to-configuration")
    script.write_text(script.read_text().replace("test)", f'test) [ -L "{lock}" ] || echo "no lock" >> "$root/calls";'))
    nixos.program(slow, "recover")
    assert nixos.calls == ["test slow", "test old"]
    assert nixos.whole_as == whole(old)


def test_who_goes_back_for_another_whose_lock_is_not_its_own_any_more_touches_nothing(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos)
    nixos.hold_lock(os.getpid())
    program = f"NIX_FLEET_LOCK=gone NIX_FLEET_PROGRAM=$(cat {nixos.state}/runs/{slow.id}/program)"
    call = 'export NIX_FLEET_LOCK NIX_FLEET_PROGRAM; eval "$NIX_FLEET_PROGRAM"'
    nixos.script("-c", f"{program}; {call}", "x", "recover")
    assert nixos.calls == ["test slow"]
    assert "id=another\n" in (nixos.live / "lock").readlink().as_posix()


def is_anothers(nixos: NixOS) -> bool:
    return (nixos.live / "lock").readlink().as_posix().startswith("id=another\n")


def test_who_was_slow_after_a_recovery_leaves_the_lock_to_who_has_taken_it(nixos: NixOS, old: str) -> None:
    blocked_recovery(nixos, old)
    asked = nixos.request(nixos.system("nixos-new"))
    thread = nixos.deploying(asked)
    wait_for(lambda: nixos.calls == ["test slow", "test old"])
    first = guard_of(nixos, asked)
    recovering = nixos.worker_of(asked)
    os.kill(first, signal.SIGSTOP)
    nixos.path("/go").touch()
    wait_for(lambda: is_gone(recovering))
    nixos.hold_lock(os.getpid())
    os.kill(first, signal.SIGCONT)
    thread.join()
    assert deploy(nixos, asked).outcome == "refused"
    assert is_anothers(nixos)
    assert nixos.whole_as == whole(old)


def test_a_recovery_for_a_deployment_that_was_killed_leaves_the_lock_to_who_has_taken_it(
    nixos: NixOS, old: str
) -> None:
    slow = cut_off(nixos)
    nixos.hold_lock(os.getpid())
    nixos.environment["NIX_FLEET_LOCK"] = "killed"
    nixos.program(slow, "recover")
    assert is_anothers(nixos)
    assert nixos.calls == ["test slow"]


def test_who_is_confirmed_leaves_the_lock_to_who_has_taken_it(nixos: NixOS, old: str) -> None:
    asked = awaiting(nixos, nixos.system("nixos-new"))
    worker = nixos.worker_of(asked)
    nixos.hold_lock(os.getpid())
    os.kill(worker, signal.SIGUSR1)
    wait_for(lambda: [entry["outcome"] for entry in nixos.journal] == ["confirmed"])
    wait_for(lambda: is_gone(worker))
    assert is_anothers(nixos)


@pytest.mark.slow
def test_a_dead_lock_is_given_up_by_one_at_a_time(nixos: NixOS, old: str) -> None:
    asked = nixos.request(nixos.system("nixos-new", check="echo $PPID > @root@/step; sleep 30"))
    thread = nixos.deploying(asked)
    wait_for(nixos.path("/step").exists)
    (nixos.live / "takeover").symlink_to(own_name())
    os.kill(nixos.supervisor_of(asked), signal.SIGKILL)
    wait_for((nixos.state / "runs" / asked.id / "outcome").exists, 30)
    assert (nixos.live / "lock").is_symlink()
    nixos.hold_lock(os.getpid())
    (nixos.live / "takeover").unlink()
    thread.join()
    assert is_anothers(nixos)


def test_who_goes_back_for_another_does_not_give_its_lock_up(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos)
    nixos.path("/repaired").touch()
    lock = nixos.live / "lock"
    noted = f'readlink "{lock}" | grep "^id=" >> "{nixos.root}/given-up"'
    nixos.replace_tool("rm", f'case "$*" in *"{lock}") {noted} ;; esac; exec {{rm}} "$@"')
    asked = nixos.request(nixos.system("nixos-new"))
    assert deploy(nixos, asked).outcome == "activated"
    assert nixos.path("/given-up").read_text().split() == [f"id={slow.id}", f"id={asked.id}"]


def test_who_comes_late_to_finish_what_is_about_to_end_leaves_the_lock_to_it(nixos: NixOS, old: str) -> None:
    ends = f': > "{nixos.root}/ends"; until [ -e "{nixos.root}/go" ]; do sleep 0.05; done'
    nixos.replace_tool("rm", f'case "$*" in *./settings*) {ends} ;; esac; exec {{rm}} "$@"')
    asked = nixos.request(nixos.system("nixos-new"))
    thread = nixos.deploying(asked)
    wait_for(nixos.path("/ends").exists)
    nixos.program(asked, "recover")
    assert (nixos.live / "lock").is_symlink()
    nixos.path("/go").touch()
    thread.join()
    assert not (nixos.live / "lock").is_symlink()
