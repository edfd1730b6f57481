# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back needs no file, whatever an activation does to those of the deployment, and the outcome arrives all the same."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import signal
import threading
import time

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import (
    CONFIRMED,
    cancelled,
    confirm,
    deploy,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from ....errors import fails_with
from ..machine import SHELLS
from .interrupting import EMPTY, LIVE, STATE, STUCK_HALFWAY, awaiting, cut_down, cut_off, family, is_gone, step_of
from .nixos import NixOS, wait_for, whole

# As if another file system had been mounted over it: the old one is still the supervisor's working directory.
HIDE = f'[ -e "$root/hidden" ] || mv "{STATE}" "$root/hidden"'
# As on a file system that is read-only, for root too.
BLOCK = f'rm -rf "{STATE}"; : > "{STATE}"'
# So that nothing new can be made in the directory that it works in.
EMPTY_DIRECTORY = f'rm -rf "{STATE}"'
BACK = 'ln -sfn "$self" "/run/current-system"; exit 2'


@pytest.mark.parametrize("trouble", [HIDE, BLOCK, EMPTY], ids=["hidden", "unwritable", "emptied"])
def test_a_deployment_ends_well_without_its_files(nixos: NixOS, old: str, trouble: str) -> None:
    new = nixos.system("nixos-new", trouble=trouble)
    assert nixos.deploy(new).outcome == "activated"
    assert nixos.whole_as == whole(new)


@pytest.mark.parametrize("trouble", [HIDE, BLOCK, EMPTY], ids=["hidden", "unwritable", "emptied"])
def test_a_failed_deployment_goes_back_without_its_files(nixos: NixOS, old: str, trouble: str) -> None:
    assert nixos.deploy(nixos.system("nixos-bad", trouble=f"{trouble}; {BACK}")).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize("trouble", [HIDE, BLOCK, EMPTY], ids=["hidden", "unwritable", "emptied"])
@pytest.mark.parametrize(
    ("confirmation", "outcome"),
    [(CONFIRMED, "confirmed"), (cancelled("no"), "rolled_back")],
    ids=["confirmed", "cancelled"],
)
def test_a_confirmation_is_heard_without_files(
    nixos: NixOS, old: str, trouble: str, confirmation: object, outcome: str
) -> None:
    new = nixos.system("nixos-new", trouble=trouble)
    request = nixos.request(new, confirm_timeout=600)
    awaiting = deploy(nixos, request)
    assert (awaiting.outcome, awaiting.now.running) == ("awaiting", new)
    answer = confirm(nixos, request.id, confirmation, 60)  # type: ignore[arg-type]
    assert (answer.outcome, answer.confirmation_taken) == (outcome, True)
    assert outcome == "confirmed" or answer.cause.startswith("it was cancelled: no")
    assert nixos.whole_as == whole(new if outcome == "confirmed" else old)
    assert not (nixos.live / "lock").is_symlink()


@pytest.mark.parametrize("trouble", [HIDE, BLOCK, EMPTY], ids=["hidden", "unwritable", "emptied"])
def test_without_a_confirmation_it_goes_back_without_files_too(nixos: NixOS, old: str, trouble: str) -> None:
    nixos.deploy(nixos.system("nixos-new", trouble=trouble), confirm_timeout=1)
    wait_for(lambda: nixos.whole_as == whole(old) and not (nixos.live / "lock").is_symlink())


def test_what_is_gone_back_to_is_kept_from_a_collection_where_that_can_be_seen(nixos: NixOS, old: str) -> None:
    nixos.deploy(nixos.system("nixos-new", trouble=HIDE), confirm_timeout=600)
    assert nixos.path(old).resolve() in [root.resolve() for root in nixos.live.iterdir()]


def test_the_journal_is_in_the_place_that_is_there_afterwards(nixos: NixOS, old: str) -> None:
    nixos.deploy(nixos.system("nixos-new", trouble=HIDE))
    assert [entry["outcome"] for entry in nixos.journal] == ["activated"]
    assert len(list(nixos.state.glob("runs/*/outcome"))) == 1
    assert nixos.state.stat().st_mode & 0o777 == 0o700
    assert nixos.deploy(nixos.system("nixos-next")).outcome == "activated"


def test_what_the_place_lies_in_stays_open_to_others(nixos: NixOS, old: str) -> None:
    # As when a new /var is mounted.
    trouble = 'mv "/var/lib/nix.fleet" "$root/hidden"; rmdir "$root/var/lib" "$root/var"'
    assert nixos.deploy(nixos.system("nixos-new", trouble=trouble)).outcome == "activated"
    assert [entry["outcome"] for entry in nixos.journal] == ["activated"]
    assert (nixos.root / "var/lib").stat().st_mode & 0o777 == 0o755


def test_what_the_place_lies_in_stays_open_to_others_when_it_is_made_for_a_recovery(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos, trouble=STUCK_HALFWAY)
    program = shutil.copy(nixos.state / "runs" / slow.id / "program", nixos.path("/program"))
    nixos.path("/var").rename(nixos.path("/hidden"))
    nixos.path("/repaired").touch()
    nixos.program(pathlib.Path(program), "run")
    assert nixos.whole_as == whole(old)
    assert [path.stat().st_mode & 0o777 for path in (nixos.state.parent, nixos.state)] == [0o755, 0o700]


def test_what_was_hidden_and_comes_back_passes_for_no_interrupted_deployment(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", trouble=HIDE)
    assert nixos.deploy(new).outcome == "activated"
    shutil.rmtree(nixos.state)
    nixos.path("/hidden").rename(nixos.state)
    assert nixos.deploy(new).outcome == "unchanged"
    assert nixos.whole_as == whole(new)


def test_a_place_that_comes_back_while_a_confirmation_is_awaited_has_the_outcome(nixos: NixOS, old: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-new", trouble=HIDE))
    nixos.path("/hidden").rename(nixos.state)
    assert confirm(nixos, request.id, CONFIRMED, 60).outcome == "confirmed"
    assert (nixos.state / "runs" / request.id / "outcome").exists()
    assert nixos.journal[-1]["outcome"] == "confirmed"


@pytest.mark.slow
def test_where_no_confirmation_can_arrive_the_machine_goes_back(nixos: NixOS, old: str) -> None:
    # Not even the lock can be written, by which a controller knows that its confirmation is awaited.
    blocked = f'{BLOCK}; rm -rf "{LIVE}"; : > "{LIVE}"'
    with fails_with("activation.no_answer"):
        nixos.deploy(nixos.system("nixos-new", trouble=blocked), confirm_timeout=1)
    wait_for(lambda: nixos.whole_as == whole(old))


def test_a_state_directory_that_hangs_by_now_keeps_no_machine_from_going_back(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("sleep", 'case $1 in 0.*) set 0.001 ;; esac; exec {sleep} "$1"')
    nixos.replace_tool("rm", 'case "$*" in */runs/*/reserve*) exec sleep 1000 ;; esac; exec {rm} "$@"')
    hang = f'for run in "{STATE}"/runs/*; do rm -f "$run/log" "$run/step"; /usr/bin/mkfifo "$run/log" "$run/step"; done'
    request = nixos.request(nixos.system("nixos-new", trouble=hang), confirm_timeout=1)
    nixos.deploying(request)
    wait_for((nixos.live / f"outcome-{request.id}").exists, 60)
    assert nixos.whole_as == whole(old)
    wait_for(lambda: not (nixos.live / "lock").is_symlink())
    (nixos.state / "runs" / request.id / "log").unlink()
    assert deploy(nixos, request).outcome == "rolled_back"


@pytest.mark.parametrize("begins", ["run", "recover"])
def test_what_is_started_again_where_the_state_directory_hangs_goes_back(nixos: NixOS, old: str, begins: str) -> None:
    slow = cut_off(nixos, trouble=STUCK_HALFWAY)
    run = nixos.state / "runs" / slow.id
    program = (run / "program").rename(nixos.path("/program"))
    for name in ("log", "recorded", "outcome", "settings"):
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)
    nixos.replace_tool("sleep", 'case $1 in 0.*) set 0.001 ;; esac; exec {sleep} "$1"')
    for tool in ("mkdir", "ln", "rm"):
        nixos.replace_tool(tool, f'case "$*" in *"{nixos.state}"*) exec sleep 1000 ;; esac; exec {{{tool}}} "$@"')
    threading.Thread(target=nixos.program, args=(program, begins), daemon=True).start()
    wait_for((nixos.live / f"outcome-{slow.id}").exists, 30)
    assert nixos.whole_as == whole(old)


def test_what_is_started_again_where_all_that_is_known_hangs_touches_and_tells_nothing(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos)
    shutil.rmtree(nixos.live)
    (nixos.state / "runs" / slow.id / "log").unlink()
    os.mkfifo(nixos.state / "runs" / slow.id / "log")
    nixos.replace_tool("sleep", 'case $1 in 0.*) set 0.001 ;; esac; exec {sleep} "$1"')
    nixos.program(slow, "recover")
    assert nixos.calls == ["test slow"]
    assert not (nixos.live / f"outcome-{slow.id}").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_users_state_directory_that_hangs_by_now_keeps_nothing_from_going_back(
    tmp_path: pathlib.Path, shell: str
) -> None:
    user = NixOS(tmp_path, shell, uid=1000)
    old, new = (user.closure(f"tool-{name}", activate=f"echo {name} >> @root@/calls") for name in ("old", "new"))
    user.link("/nix/var/nix/profiles/tool-1-link", old)
    user.link("/nix/var/nix/profiles/tool", "tool-1-link")
    profile = {"platform": platforms()["custom"], "profile": "/nix/var/nix/profiles/tool", "program": "activate"}
    request = awaiting(user, new, **profile)
    worker = user.supervisor_of(request)
    user.replace_tool("sleep", 'case $1 in 0.*) set 0.001 ;; esac; exec {sleep} "$1"')
    user.replace_tool("rm", f'case "$*" in *{user.state}*) exec sleep 1000 ;; esac; exec {{rm}} "$@"')
    os.kill(worker, signal.SIGTERM)
    wait_for(lambda: user.calls == ["new", "old"], 30)
    wait_for(lambda: is_gone(worker))
    assert user.standing("/nix/var/nix/profiles/tool") == old


@pytest.mark.parametrize("tool", ["mv", "ln", "mkdir", "cp", "rm", "sync"])
def test_going_back_needs_no_tool_to_write_its_files(nixos: NixOS, old: str, tool: str) -> None:
    # Nix, and what NixOS runs, have their own.
    fails = f'case "$*" in *nix.fleet*|*./*) exit 1 ;; esac; exec {{{tool}}} "$@"'
    request = awaiting(nixos, nixos.system("nixos-new"))
    nixos.replace_tool(tool, fails)
    os.kill(nixos.supervisor_of(request), signal.SIGTERM)
    wait_for(lambda: nixos.whole_as == whole(old))


@pytest.mark.parametrize("trouble", [BLOCK, EMPTY], ids=["unwritable", "emptied"])
def test_a_worker_that_is_killed_is_made_up_for_without_files(nixos: NixOS, old: str, trouble: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-new", trouble=trouble))
    os.kill(nixos.worker_of(request), signal.SIGKILL)
    wait_for(lambda: nixos.whole_as == whole(old))
    assert confirm(nixos, request.id, CONFIRMED, 60).outcome == "rolled_back"


def killed_without_a_lock(nixos: NixOS) -> threading.Thread:
    """Kill a worker where not even the lock can be written."""
    nixos.hurry()
    worker = 'ps -o ppid= -p "$PPID" > "$root/worker"; : > "$root/blocked"; sleep 0.9; sleep 0.9'
    blocked = f'{BLOCK}; rm -rf "{LIVE}"; : > "{LIVE}"; ln -sfn "$self" "/run/current-system"'
    request = nixos.request(
        nixos.system("nixos-slow", trouble=f'until [ -e "$root/go" ]; do sleep 0.05; done; {blocked}; {worker}')
    )
    thread = nixos.start(request)
    nixos.path("/go").touch()
    wait_for(nixos.path("/blocked").exists)
    os.kill(int(nixos.path("/worker").read_text()), signal.SIGKILL)
    return thread


@pytest.mark.slow
def test_a_worker_that_is_killed_where_not_even_the_lock_can_be_written_is_made_up_for(nixos: NixOS, old: str) -> None:
    thread = killed_without_a_lock(nixos)
    wait_for(lambda: nixos.whole_as == whole(old), 60)
    thread.join()


# In the first step of the way back.
UNBLOCKS = (
    'if [ -e "{root}/blocked" ]; then rm -f "{root}/blocked" "{live}"; mkdir "{live}"; FILL; fi; exec {sort} "$@"'
)


@pytest.mark.slow
def test_who_goes_back_without_the_lock_takes_it_as_soon_as_it_can_be_written(nixos: NixOS) -> None:
    old = nixos.system("nixos-old", trouble=f'readlink "{LIVE}/lock" > "$root/seen"')
    nixos.install(old)
    unblocks = UNBLOCKS.replace("{root}", str(nixos.root)).replace("{live}", str(nixos.live))
    nixos.replace_tool("sort", unblocks.replace("FILL", ":"))
    killed_without_a_lock(nixos)
    wait_for(lambda: nixos.whole_as == whole(old), 60)
    assert nixos.path("/seen").read_text().startswith("id=deployment-")


@pytest.mark.slow
def test_who_goes_back_without_the_lock_waits_for_whoever_has_taken_it(nixos: NixOS, old: str) -> None:
    nixos.hold_lock(os.getpid())
    (nixos.live / "lock").rename(nixos.path("/theirs"))
    unblocks = UNBLOCKS.replace("{root}", str(nixos.root)).replace("{live}", str(nixos.live))
    nixos.replace_tool("sort", unblocks.replace("FILL", f'mv "{nixos.root}/theirs" "{nixos.live}/lock"'))
    killed_without_a_lock(nixos)
    wait_for((nixos.live / "lock").is_symlink, 60)
    time.sleep(2)
    assert nixos.calls == ["test slow"]
    (nixos.live / "lock").unlink()
    wait_for(lambda: nixos.whole_as == whole(old), 60)


def test_the_step_of_a_killed_worker_is_ended_though_no_file_tells_of_it(nixos: NixOS, old: str) -> None:
    seen = 'until [ -e "$root/go" ]; do sleep 0.05; done'
    trouble = f'{seen}; {BLOCK}; rm "/run/nix.fleet"/step-*; echo $$ > "$root/step"; sleep 30; : > "$root/finished"'
    request = nixos.request(nixos.system("nixos-slow", trouble=trouble))
    thread = nixos.start(request)
    nixos.path("/go").touch()
    wait_for(lambda: nixos.path("/step").exists() and nixos.path("/step").read_text().endswith("\n"))
    os.kill(nixos.worker_of(request), signal.SIGKILL)
    thread.join()
    step = int(nixos.path("/step").read_text())
    wait_for(lambda: is_gone(step))
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize(
    ("confirmation", "outcome"),
    [(CONFIRMED, "confirmed"), (cancelled("no"), "rolled_back")],
    ids=["confirmed", "cancelled"],
)
def test_a_guard_that_is_killed_is_not_missed(nixos: NixOS, old: str, confirmation: object, outcome: str) -> None:
    new = nixos.system("nixos-new")
    request = awaiting(nixos, new)
    cut_down(family(nixos.supervisor_of(request), 0)[:1])
    assert confirm(nixos, request.id, confirmation, 60).outcome == outcome  # type: ignore[arg-type]
    assert nixos.whole_as == whole(new if outcome == "confirmed" else old)


@pytest.mark.slow
def test_a_supervisor_that_was_stopped_is_called_silent_and_goes_on_when_it_may(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    request = awaiting(nixos, new)
    supervisor = nixos.supervisor_of(request)
    os.kill(supervisor, signal.SIGSTOP)
    with fails_with("activation.no_answer") as told:
        confirm(nixos, request.id, CONFIRMED, 1)
    assert f"process {supervisor}" in told.value.cause
    assert "the confirmation counts" in (told.value.advice or "")
    os.kill(supervisor, signal.SIGCONT)
    assert confirm(nixos, request.id, CONFIRMED, 60).outcome == "confirmed"
    assert nixos.whole_as == whole(new)


def test_a_supervisor_that_takes_long_to_go_back_is_not_called_silent(nixos: NixOS) -> None:
    old = nixos.system("nixos-old", trouble='until [ -e "$root/go" ]; do sleep 0.05; done')
    nixos.install(old)
    request = awaiting(nixos, nixos.system("nixos-new"))
    with fails_with("activation.no_answer") as told:
        confirm(nixos, request.id, cancelled("no"), 1)
    assert "is still at work" in told.value.cause
    assert "kill" not in (told.value.advice or "")
    supervisor = nixos.supervisor_of(request)
    os.kill(supervisor, signal.SIGSTOP)
    with fails_with("activation.no_answer") as told:
        confirm(nixos, request.id, cancelled("no"), 1)
    assert f"kill -CONT {supervisor}" in (told.value.advice or "")
    os.kill(supervisor, signal.SIGCONT)
    nixos.path("/go").touch()
    assert confirm(nixos, request.id, CONFIRMED, 60).outcome == "rolled_back"


@pytest.mark.slow
def test_a_supervisor_that_stays_stopped_for_too_long_is_made_up_for(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("sleep", 'case $1 in 0.*) set 0.05 ;; *) set 0.5 ;; esac; exec {sleep} "$1"')
    request = awaiting(nixos, nixos.system("nixos-new"), confirm_timeout=300, activation_timeout=1)
    supervisor = nixos.supervisor_of(request)
    time.sleep(4)
    assert nixos.worker_of(request) == supervisor
    os.kill(supervisor, signal.SIGSTOP)
    assert confirm(nixos, request.id, CONFIRMED, 600).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


WAITS = 'echo $$ > "$root/step"; until [ -e "$root/go" ]; do sleep 0.05; done'


@pytest.mark.parametrize("phase", ["trouble", "loading"])
@pytest.mark.parametrize("both", [False, True], ids=["worker", "all"])
def test_who_is_told_to_stop_in_the_middle_goes_back(nixos: NixOS, old: str, phase: str, both: bool) -> None:
    request = nixos.request(nixos.system("nixos-slow", **{phase: WAITS}))
    thread = nixos.start(request)
    step = step_of(nixos)
    supervisor = nixos.supervisor_of(request)
    for process in family(supervisor, 0)[:2] if both else [supervisor]:
        os.kill(process, signal.SIGTERM)
    thread.join()
    answer = deploy(nixos, request)
    assert (answer.outcome, "supervisor was ended" in answer.cause) == ("rolled_back", False)
    assert is_gone(step)
    assert nixos.whole_as == whole(old)


def test_who_is_told_to_stop_goes_back_from_what_nobody_has_confirmed_where_a_failure_would_stay(
    nixos: NixOS, old: str
) -> None:
    new = nixos.system("nixos-slow", trouble=f'ln -sfn "$self" "/run/current-system"; {WAITS}')
    request = nixos.request(new, confirm_timeout=600, rollback_on_failure=False)
    thread = nixos.start(request)
    wait_for(nixos.path("/step").exists)
    os.kill(nixos.supervisor_of(request), signal.SIGTERM)
    thread.join()
    assert deploy(nixos, request).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_who_is_told_to_stop_when_the_activation_is_about_to_start_goes_back(nixos: NixOS, old: str) -> None:
    # Until it has a group of its own, that cannot be ended.
    late = f'case "$*" in *" platform_activate "*) trap "" TERM; : > "{nixos.root}/about"; sleep 1 ;; esac'
    nixos.replace_tool("setsid", f'{late}; trap - TERM; exec {{setsid}} "$@"')
    request = nixos.request(nixos.system("nixos-new"))
    thread = nixos.start(request)
    wait_for(nixos.path("/about").exists)
    os.kill(nixos.supervisor_of(request), signal.SIGTERM)
    thread.join()
    assert deploy(nixos, request).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_what_cannot_be_recorded_is_not_begun(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("mv", 'case $* in *./recorded*) exit 1 ;; esac; exec {mv} "$@"')
    assert nixos.deploy(nixos.system("nixos-new")).outcome == "refused"
    assert nixos.calls == []
    assert not (nixos.live / "lock").is_symlink()


def test_the_way_back_finds_the_programs_that_it_began_with(nixos: NixOS) -> None:
    # As where an activation changes what /run/current-system/sw/bin leads to.
    nixos.tool("").rename(nixos.root / "tools")
    nixos.tool("").symlink_to(nixos.root / "tools")
    old = nixos.system("nixos-old", trouble='PATH=/usr/bin:/bin; ln -sfn "$root/tools" "$root/bin"')
    nixos.install(nixos.system("nixos-first"), old)
    bad = nixos.system("nixos-bad", trouble='PATH=/usr/bin:/bin; ln -sfn "$root/nothing" "$root/bin"; exit 2')
    thread = nixos.start(nixos.request(bad))
    wait_for(lambda: [entry["outcome"] for entry in nixos.journal] == ["rolled_back"])
    thread.join()
    assert nixos.whole_as == whole(old)


def test_who_goes_on_where_nothing_tells_who_it_is_goes_back(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos, trouble=STUCK_HALFWAY)
    nixos.replace_tool("id", "exit 1")
    with fails_with("activation.no_answer"):
        confirm(nixos, slow.id, CONFIRMED, 60)
    nixos.program(slow, "recover")
    assert nixos.whole_as == whole(old)


def test_time_passes_where_nothing_can_sleep_any_more(nixos: NixOS, stuck: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"))
    nixos.replace_tool("sleep", "exit 127")
    time.sleep(1)
    answer = confirm(nixos, request.id, cancelled("no"), 60)
    assert (answer.outcome, answer.cause[:20]) == ("rollback_failed", "it was cancelled: no")
    tries = len(nixos.calls)
    time.sleep(2)
    assert len(nixos.calls) == tries


def test_each_write_is_on_the_disk_before_what_relies_on_it(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("sync", f'echo "sync $*" >> {nixos.root}/calls')
    assert nixos.deploy(nixos.system("nixos-new")).outcome == "activated"
    profiles = nixos.here("/nix/var/nix/profiles")
    assert nixos.calls == [
        "sync ./recorded.new ./program",
        "sync .",
        "test new",
        "sync . ./default-touched",
        f"sync {profiles}",
        "boot new",
        f"sync -f {nixos.here('/boot/')}",
        "sync ./outcome.fleet",
        "sync .",
    ]


def test_not_all_of_the_disks_are_waited_for_where_a_file_is_in_memory(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("sync", f'echo "sync $*" >> {nixos.root}/calls; for file; do [ -e "$file" ] || exit 1; done')
    assert nixos.deploy(nixos.system("nixos-new", trouble=EMPTY_DIRECTORY)).outcome == "activated"
    assert "sync " not in nixos.calls


def test_on_the_way_back_too_each_write_is_on_the_disk_before_what_relies_on_it(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("sync", f'echo "sync $*" >> {nixos.root}/calls')
    assert nixos.deploy(nixos.system("nixos-bad", loading="exit 1")).outcome == "rolled_back"
    profiles, boot = nixos.here("/nix/var/nix/profiles"), nixos.here("/boot/")
    calls = nixos.calls[nixos.calls.index("boot bad") :]
    assert calls[:5] == ["boot bad", f"sync {profiles}", "boot old", f"sync -f {boot}", "test old"]


def test_what_could_be_recorded_in_part_only_is_not_begun(nixos: NixOS, old: str) -> None:
    # As where memory is short, and what writes the record is killed.
    asked = nixos.request(nixos.system("nixos-new"))
    worker = nixos.state / "runs" / asked.id / "worker"
    children = '/proc/"${first%% *}"/task/"${first%% *}"/children'
    nixos.replace_tool("sort", f'first=$(readlink "{worker}") && kill -KILL $(cat {children}); exec {{sort}} "$@"')
    assert deploy(nixos, asked).outcome == "refused"
    assert nixos.calls == []
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize(
    ("written", "outcome"), [("default-touched", "rolled_back"), ("recorded.new", "refused")], ids=lambda word: word
)
def test_who_is_told_to_stop_between_two_steps_begins_no_other(
    nixos: NixOS, old: str, written: str, outcome: str
) -> None:
    nixos.replace_tool("sync", f'case "$*" in *{written}*) kill -TERM "$PPID" ;; esac')
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert answer.outcome == outcome
    assert "deployment_set_default" not in answer.log
    assert nixos.whole_as == whole(old)


def test_what_has_ended_without_files_is_not_begun_again(nixos: NixOS, old: str) -> None:
    request = nixos.request(nixos.system("nixos-new", trouble=BLOCK))
    assert [deploy(nixos, request).outcome for _number in range(2)] == ["activated", "activated"]
    assert nixos.calls == ["test new", "boot new"]


def test_who_is_killed_when_all_has_been_told_has_ended_as_was_told_where_its_directory_is_hidden(
    nixos: NixOS, old: str
) -> None:
    new = nixos.system("nixos-new", trouble=HIDE)
    once = f'[ "$*" != "-f {nixos.live}/lock" ] || [ -e "{nixos.root}/once" ] || {{ : >"{nixos.root}/once"; '
    kill = 'kill -9 "$(ps -o ppid= -p "$PPID" | tr -d " ")" "$PPID"; exit 1; }'
    nixos.replace_tool("rm", f'{once}{kill}; exec {{rm}} "$@"')
    assert nixos.deploy(new).outcome == "activated"
    assert nixos.whole_as == whole(new)


def test_what_a_step_has_said_is_told_without_files(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", trouble=BLOCK, loading="echo no entry; exit 1"))
    assert (answer.outcome, "no entry" in answer.cause) == ("rolled_back", True)
    # Of the directory that is gone, a shell would say that it is.
    assert not re.search("getcwd|shell-init", answer.log)
