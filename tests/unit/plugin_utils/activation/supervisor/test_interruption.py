# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a supervisor left that was ended from outside is finished, by whoever comes next."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import CONFIRMED, confirm, deploy
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Origin
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from ..machine import SHELLS
from .interrupting import (
    STUCK,
    STUCK_HALFWAY,
    awaiting,
    blocked_recovery,
    boot_of_now,
    children_of,
    cut_down,
    cut_off,
    family,
    guard_of,
    is_gone,
    own_name,
    rewrite_record,
    step_of,
)
from .nixos import PROFILE, RUNNING, NixOS, wait_for, whole

if t.TYPE_CHECKING:
    pass
# In place of `grep`, where processes do not tell their environment.
TELLS_NO_ENVIRONMENT = 'case "$*" in *NIX_FLEET_STEP*) exit 1 ;; esac; exec {grep} "$@"'


@pytest.mark.parametrize("setsid", [True, False], ids=["setsid", "no setsid"])
def test_a_killed_supervisor_is_made_up_for_at_once(nixos: NixOS, old: str, *, setsid: bool) -> None:
    if not setsid:
        nixos.tool("setsid").unlink()
    assert outcome_without_supervisor(nixos) == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_what_a_power_cut_left_is_made_up_for_by_the_next_deployment(nixos: NixOS, old: str) -> None:
    cut_off(nixos)
    new = nixos.system("nixos-new")
    answer = nixos.deploy(new)
    assert (answer.outcome, answer.cause, answer.previous.generation) == ("activated", "", 2)
    assert nixos.whole_as == whole(new)
    assert [entry["outcome"] for entry in nixos.journal] == ["rolled_back", "activated"]


@pytest.mark.slow
def test_what_a_power_cut_left_is_made_up_for_though_the_locks_place_is_gone(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos)
    shutil.rmtree(nixos.live)
    assert deploy(nixos, slow).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_what_is_started_again_where_its_directory_is_hidden_goes_back(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos, trouble=STUCK_HALFWAY)
    program = nixos.path("/program")
    shutil.copy(nixos.state / "runs" / slow.id / "program", program)
    nixos.state.rename(nixos.path("/hidden"))
    nixos.state.mkdir(mode=0o700)
    # As systemd does with what was killed.
    nixos.program(program, "run")
    assert nixos.whole_as == whole(old)
    assert [entry["outcome"] for entry in nixos.journal] == ["rolled_back"]


@pytest.mark.parametrize("next_one", ["another", "the same"])
def test_what_was_interrupted_where_its_directory_is_hidden_goes_back_with_the_next_deployment(
    nixos: NixOS, old: str, next_one: str
) -> None:
    slow = cut_off(nixos, trouble=STUCK_HALFWAY, goal="test")
    nixos.state.rename(nixos.path("/hidden"))
    nixos.path("/repaired").touch()
    closure = str(slow.closure) if next_one == "the same" else nixos.system("nixos-new")
    answer = nixos.deploy(closure, goal="test")
    assert (answer.outcome, answer.previous.running) == ("activated", old)
    assert [entry["outcome"] for entry in nixos.journal] == ["rolled_back", "activated"]
    assert nixos.standing(RUNNING) == closure


# There is room for no more than its first line, or none for the record.
@pytest.mark.parametrize(
    ("tool", "fails"),
    [
        ("cp", 'case $1 in */program-*) for to; do :; done; head -n 1 "$1" >"$to"; exit 1 ;; esac'),
        ("mv", 'case "$*" in "-f ./recorded.new ./recorded") exit 1 ;; esac'),
    ],
    ids=["program", "record"],
)
def test_what_is_hidden_is_found_again_with_all_of_its_program_or_not_at_all(
    nixos: NixOS, old: str, tool: str, fails: str
) -> None:
    cut_off(nixos, trouble=STUCK_HALFWAY, goal="test")
    nixos.state.rename(nixos.path("/hidden"))
    itself = f'exec {{{tool}}} "$@"'
    nixos.replace_tool(tool, f"{fails}; {itself}")
    new = nixos.system("nixos-new")
    assert nixos.deploy(new, goal="test").outcome == "refused"
    nixos.replace_tool(tool, itself)
    answer = nixos.deploy(new, goal="test")
    assert (answer.outcome, answer.previous.running) == ("activated", old)


@pytest.mark.parametrize("boot", ["earlier", boot_of_now()], ids=["earlier boot", "this boot"])
def test_of_a_step_of_an_earlier_boot_the_number_may_be_another_s(nixos: NixOS, old: str, boot: str) -> None:
    slow = cut_off(nixos)
    nixos.path("/repaired").touch()
    with subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo $!"], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as led:
        assert led.stdout
        member = int(led.stdout.readline())
        led.wait()
        (nixos.live / f"step-{slow.id}").write_text(f"step={led.pid} 1 {boot}\n")
        deploy(nixos, slow)
        assert is_gone(member) == (boot != "earlier")
        cut_down([member])


def test_the_journal_has_when_an_interrupted_deployment_began_and_how_long_it_took(nixos: NixOS, old: str) -> None:
    rewrite_record(nixos, cut_off(nixos), recorded_started="2026-01-31T11:59:30Z", recorded_start="1")
    nixos.deploy(old)
    entry = nixos.journal[0]
    uptime = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    assert entry["started"] == "2026-01-31T11:59:30Z"
    assert uptime - 60 < entry["seconds"] <= uptime - 1


def test_a_clock_that_stands_still_is_not_gone_by(tmp_path: pathlib.Path) -> None:
    class Phone(NixOS):
        def here(self, text: str) -> str:
            return super().here(text.replace("/proc/uptime", "@root@/uptime"))

    phone = Phone(tmp_path, next(iter(SHELLS)), uid=0)
    phone.path("/uptime").write_text("0.00 0.00\n")
    phone.install(phone.system("nixos-old"))
    request = awaiting(phone)
    until = (phone.live / "lock").readlink().as_posix().partition("until=")[2]
    confirm(phone, request.id, CONFIRMED, 10)
    assert abs(int(until.split()[0]) - time.time()) < 1000


def test_how_long_a_deployment_took_over_a_reboot_is_not_made_up(nixos: NixOS, old: str) -> None:
    rewrite_record(nixos, cut_off(nixos), recorded_boot="earlier", recorded_started="2026-01-31T11:59:30Z")
    nixos.deploy(old)
    assert (nixos.journal[0]["started"], nixos.journal[0]["seconds"]) == ("2026-01-31T11:59:30Z", None)


@pytest.mark.parametrize("at", ["lock", "acting-*"], ids=["before it has the lock", "with the lock"])
def test_who_was_killed_before_it_had_touched_anything_says_so(nixos: NixOS, old: str, at: str) -> None:
    new = nixos.system("nixos-new")
    assert nixos.deploy(new).outcome == "activated"
    calls = nixos.calls
    kills = f'[ -e "{nixos.root}/killed" ] || {{ : >"{nixos.root}/killed"; kill -9 "$PPID"; exit 1; }}'
    nixos.replace_tool("mv", f'case "$*" in */{at}) {kills} ;; esac; exec {{mv}} "$@"')
    assert nixos.deploy(nixos.system("nixos-next")).outcome == "refused"
    assert (nixos.calls, nixos.whole_as) == (calls, whole(new))
    assert nixos.deploy(new).outcome == "unchanged"


def test_what_was_interrupted_is_never_called_unchanged(nixos: NixOS, old: str) -> None:
    cut_off(nixos)
    assert nixos.deploy(old).outcome == "activated"
    assert nixos.whole_as == whole(old)


def test_what_was_interrupted_goes_back_with_its_run(nixos: NixOS, old: str) -> None:
    cut_off(nixos, trouble=STUCK_HALFWAY, origin=Origin("alice", "laptop", run="night"))
    answer = nixos.deploy(rollback="before:night")
    assert (answer.outcome, "night was rolled back itself" in answer.cause) == ("unchanged", True)
    assert nixos.whole_as == whole(old)
    assert not (nixos.live / "lock").is_symlink()


def test_a_record_that_is_not_whole_is_not_acted_upon(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos)
    (nixos.state / "runs" / slow.id / "recorded").write_text("")
    (nixos.live / slow.id).unlink()
    assert nixos.deploy(nixos.system("nixos-bad", trouble="exit 2")).outcome == "rolled_back"
    assert nixos.calls == ["test slow", "test bad", "test old"]
    assert nixos.whole_as == whole(old)
    assert sorted(nixos.generations(PROFILE)) == [1, 2]
    assert [entry["outcome"] for entry in nixos.journal] == ["failed", "rolled_back"]


def repair_by_hand(nixos: NixOS, closure: str) -> None:
    """Make ``closure`` the third generation, which runs and boots, as another tool does."""
    nixos.link(f"{PROFILE}-3-link", closure)
    nixos.link(PROFILE, "system-3-link")
    nixos.link(RUNNING, closure)
    nixos.load(closure)


def test_what_others_have_made_of_an_interrupted_deployment_since_is_not_undone(nixos: NixOS, old: str) -> None:
    cut_off(nixos)
    manual = nixos.system("nixos-manual")
    repair_by_hand(nixos, manual)
    assert nixos.deploy(manual).outcome == "activated"
    assert nixos.calls == ["test slow", "test manual", "boot manual"]
    assert [entry["outcome"] for entry in nixos.journal] == ["superseded", "activated"]
    assert nixos.deploy(manual).outcome == "unchanged"


def test_a_deployment_that_fails_returns_to_what_others_have_made_since(nixos: NixOS, old: str) -> None:
    cut_off(nixos)
    manual = nixos.system("nixos-manual")
    repair_by_hand(nixos, manual)
    answer = nixos.deploy(nixos.system("nixos-bad", trouble="exit 2"))
    assert (answer.outcome, answer.previous.generation) == ("rolled_back", 3)
    assert nixos.whole_as == whole(manual)


def test_an_interrupted_system_that_was_made_whole_by_hand_and_booted_is_not_undone(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos)
    rewrite_record(nixos, slow, recorded_boot="earlier")
    assert slow.closure
    repair_by_hand(nixos, slow.closure)
    nixos.path("/repaired").touch()
    assert nixos.deploy(nixos.system("nixos-bad", trouble="exit 2")).previous.generation == 3
    assert nixos.whole_as[1:] == (slow.closure, "slow")


SITE = "/nix/var/nix/profiles/site"
SLOW = 'echo "site slow" >> @root@/calls; echo $$ > @root@/step; [ -e @root@/repaired ] || sleep 30'


def test_what_a_reboot_does_not_activate_is_activated_again_after_one(nixos: NixOS) -> None:
    website: dict[str, t.Any] = {"platform": platforms()["custom"], "profile": SITE, "program": "activate"}
    first = nixos.closure("site-1", activate='echo "site first" >> @root@/calls')
    nixos.deploy(first, **website)
    slow = nixos.request(nixos.closure("site-2", activate=SLOW), **website)
    rewrite_record(nixos, cut_off(nixos, slow), recorded_boot="earlier")
    nixos.path("/repaired").touch()
    assert nixos.deploy(slow.closure, **website).outcome == "activated"
    assert nixos.calls == ["site first", "site slow", "site first", "site slow"]
    assert [entry["outcome"] for entry in nixos.journal] == ["activated", "rolled_back", "activated"]


@pytest.mark.slow
@pytest.mark.parametrize("rebooted", [False, True], ids=["in one boot", "with a reboot between them"])
def test_of_two_that_were_interrupted_the_later_is_taken_back_first(nixos: NixOS, old: str, *, rebooted: bool) -> None:
    # The names are the controllers', whose clocks differ.
    first, second = (
        nixos.request(nixos.system(f"nixos-{name}", trouble=STUCK_HALFWAY), id=f"cut-off-{os.getpid()}-{name}")
        for name in ("b", "a")
    )
    cut_off(nixos, first)
    if rebooted:
        rewrite_record(nixos, first, recorded_boot="earlier", recorded_clock="999999999")
    aside = (nixos.state / "runs" / first.id).rename(nixos.state / "aside")
    # What it has in memory would be found.
    (nixos.live / first.id).unlink()
    nixos.path("/step").unlink()
    cut_off(nixos, second)
    aside.rename(nixos.state / "runs" / first.id)
    nixos.path("/repaired").touch()
    assert nixos.deploy(nixos.system("nixos-bad", trouble="exit 2")).previous.running == old
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize("no_check", [False, True], ids=["checked", "not checked"])
def test_who_is_told_to_stop_before_anything_was_touched_touches_nothing(
    nixos: NixOS, old: str, *, no_check: bool
) -> None:
    # What goes back takes its time, in which the next supervisor is told to stop.
    blocked_recovery(nixos, old)
    asked = nixos.request(nixos.system("nixos-new"), no_check=no_check)
    thread = nixos.deploying(asked)
    wait_for(lambda: nixos.calls == ["test slow", "test old"])
    os.kill(nixos.supervisor_of(asked), signal.SIGTERM)
    nixos.path("/go").touch()
    thread.join()
    answer = deploy(nixos, asked)
    assert (answer.outcome, "told to stop" in answer.cause) == ("refused", True)
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize("how", ["ended", "told to stop"])
def test_a_nix_that_hangs_before_anything_was_touched_ends_in_a_refusal(nixos: NixOS, old: str, how: str) -> None:
    nix = nixos.tool("nix-store").read_text()
    nixos.tool("nix-store").write_text(nix.replace("\n", f'\n: > "{nixos.root}/hangs"; exec sleep 1000\n', 1))
    asked = nixos.request(nixos.system("nixos-new"), activation_timeout=1 if how == "ended" else 600)
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(deploy(nixos, asked).outcome), daemon=True)
    thread.start()
    wait_for(nixos.path("/hangs").exists)
    if how == "told to stop":
        os.kill(nixos.supervisor_of(asked), signal.SIGTERM)
    thread.join(20)
    assert answers == ["refused"]
    assert nixos.whole_as == whole(old)


def test_who_is_told_to_stop_with_all_that_it_runs_ends_only_when_the_machine_is_back(nixos: NixOS, old: str) -> None:
    blocked_recovery(nixos, old)
    asked = nixos.request(nixos.system("nixos-new"))
    thread = nixos.deploying(asked)
    wait_for(lambda: nixos.calls == ["test slow", "test old"])
    # As systemd does to a unit.
    supervisor = nixos.supervisor_of(asked)
    for process in [supervisor, *children_of(supervisor)]:
        os.kill(process, signal.SIGTERM)
    # So long that they have noticed.
    time.sleep(1)
    assert (nixos.live / "lock").is_symlink()
    nixos.path("/go").touch()
    thread.join()
    assert deploy(nixos, asked).outcome == "refused"
    assert nixos.whole_as == whole(old)


def test_a_recovery_outlives_who_started_it_and_keeps_others_away(nixos: NixOS, old: str) -> None:
    blocked_recovery(nixos, old)
    asked = nixos.request(nixos.system("nixos-new"))
    nixos.deploying(asked)
    wait_for(lambda: nixos.calls == ["test slow", "test old"])
    os.kill(guard_of(nixos, asked), signal.SIGKILL)
    assert nixos.deploy(nixos.system("nixos-other")).outcome == "refused"
    nixos.path("/go").touch()
    wait_for(lambda: [entry["outcome"] for entry in nixos.journal] == ["rolled_back"])
    assert nixos.whole_as == whole(old)


def test_after_a_recovery_the_lock_is_that_of_who_started_it(nixos: NixOS, old: str) -> None:
    cut_off(nixos)
    nixos.path("/repaired").touch()
    check = ': > "$root/checked"; until [ -e "$root/go" ]; do sleep 0.05; done'
    new = nixos.system("nixos-new", check=check)
    thread = threading.Thread(target=nixos.deploy, args=(new,))
    thread.start()
    wait_for(nixos.path("/checked").exists)
    assert nixos.deploy(nixos.system("nixos-other")).outcome == "refused"
    nixos.path("/go").touch()
    thread.join()
    assert nixos.whole_as == whole(new)


@pytest.mark.parametrize("goal", ["switch", "boot"])
def test_a_system_that_somebody_has_tried_since_stays_where_what_runs_was_not_meant_to_change(
    nixos: NixOS, old: str, goal: str
) -> None:
    part = "loading" if goal == "boot" else "trouble"
    cut_off(nixos, nixos.request(nixos.system("nixos-slow", **{part: STUCK}), goal=goal))
    manual = nixos.system("nixos-manual")
    nixos.link(RUNNING, manual)
    nixos.path("/repaired").touch()
    assert nixos.deploy(old, goal="boot").outcome in ("activated", "unchanged")
    assert nixos.journal[0]["outcome"] == ("rolled_back" if goal == "boot" else "superseded")
    assert nixos.whole_as == (manual, old, "old")


@pytest.mark.parametrize("standing", ["running", "boots"])
def test_an_interrupted_system_that_is_not_whole_after_a_reboot_is_left_again(
    nixos: NixOS, old: str, standing: str
) -> None:
    slow = cut_off(nixos)
    assert slow.closure
    rewrite_record(nixos, slow, recorded_boot="earlier")
    repair_by_hand(nixos, slow.closure)
    if standing == "running":
        nixos.link(RUNNING, old)
    else:
        nixos.load(old)
    nixos.path("/repaired").touch()
    nixos.program(slow, "recover")
    assert [entry["outcome"] for entry in nixos.journal] == ["rolled_back"]
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize("rebooted", [False, True], ids=["tried by hand", "rebooted"])
def test_a_default_that_waited_for_a_reboot_is_what_is_returned_to_after_one(
    nixos: NixOS, old: str, *, rebooted: bool
) -> None:
    waiting = nixos.system("nixos-waiting")
    assert nixos.deploy(waiting, goal="boot").outcome == "activated"
    slow = cut_off(nixos)
    if rebooted:
        rewrite_record(nixos, slow, recorded_boot="earlier")
    nixos.link(RUNNING, waiting)
    nixos.program(slow, "recover")
    assert nixos.whole_as == (waiting if rebooted else old, waiting, "waiting")
    # Booting it has activated it.
    assert "test waiting" not in nixos.calls


def test_the_way_back_of_who_makes_up_for_a_killed_supervisor_can_be_ended(nixos: NixOS) -> None:
    deaf = 'sh -c \'kill -TERM $$; : > "$1"\' x "$root/deaf" || :'
    old = nixos.system("nixos-old", trouble=deaf)
    nixos.install(nixos.system("nixos-first"), old)
    assert outcome_without_supervisor(nixos) == "rolled_back"
    assert nixos.whole_as == whole(old)
    assert not nixos.path("/deaf").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_connection_that_hangs_up_ends_nothing(tmp_path: pathlib.Path, shell: str) -> None:
    machine = NixOS(tmp_path, shell, uid=0, setsid=False)
    machine.install(machine.system("nixos-old"))
    new = machine.system("nixos-new", trouble='echo $$ > "$root/step"; until [ -e "$root/go" ]; do sleep 0.05; done')
    request = machine.request(new)
    thread = machine.start(request)
    for process in family(machine.supervisor_of(request), step_of(machine))[:2]:
        os.kill(process, signal.SIGHUP)
    machine.path("/go").touch()
    thread.join()
    assert deploy(machine, request).outcome == "activated"


def test_a_late_recovery_leaves_the_deployment_that_runs_now_alone(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos)
    nixos.hold_lock(os.getpid())
    # It waits for its turn, which does not come.
    recovery = threading.Thread(target=nixos.program, args=(slow, "recover"), daemon=True)
    recovery.start()
    recovery.join(3)
    assert nixos.calls == ["test slow"]
    assert nixos.journal == []


@pytest.mark.parametrize("turn", ["is another's", "is taken", "cannot be taken", "was another's until now"])
def test_a_recovery_whose_turn_does_not_come_touches_and_tells_nothing(nixos: NixOS, old: str, turn: str) -> None:
    slow = cut_off(nixos)
    # Were it its turn, it would end by this at once.
    repair_by_hand(nixos, nixos.system("nixos-manual"))
    lock, takeover, sleep = nixos.live / "lock", nixos.live / "takeover", "exec {sleep} 0.01"
    if turn == "is another's":
        takeover.symlink_to(own_name())
    else:
        nixos.hold_lock(os.getpid())
    if turn == "is taken":
        nixos.link("/run/nix.fleet/lock", lock.readlink().as_posix().replace("id=another", f"id={slow.id}"))
    elif turn == "cannot be taken":
        nixos.replace_tool("ln", 'case "$*" in */takeover) exit 1 ;; esac; exec {ln} "$@"')
    elif turn == "was another's until now":
        again = f'ln -s "{lock.readlink().as_posix()}" "{lock}" 2>/dev/null'
        sleep = f"{again}; {sleep}"
        nixos.replace_tool("rm", f'case "$*" in *{takeover}) {{rm}} -f "{lock}" ;; esac; exec {{rm}} "$@"')
    nixos.replace_tool("sleep", sleep)
    recovery = threading.Thread(target=nixos.program, args=(slow, "recover"), daemon=True)
    recovery.start()
    recovery.join(3)
    assert (recovery.is_alive(), nixos.journal, nixos.calls) == (True, [], ["test slow"])


def outcome_without_supervisor(machine: NixOS) -> str:
    """Kill a supervisor in the middle of an activation, see to it that this one never finishes, and return the outcome."""
    system = machine.system("nixos-slow", trouble='echo $$ > "$root/step"; sleep 30; : > "$root/finished"')
    slow = machine.request(system)
    thread = machine.start(slow)
    step = step_of(machine)
    os.kill(machine.supervisor_of(slow), signal.SIGKILL)
    thread.join()
    outcome = deploy(machine, slow).outcome
    wait_for(lambda: is_gone(step))
    assert not machine.path("/finished").exists()
    return outcome


def test_a_step_is_known_by_its_file_where_processes_do_not_tell_their_environment(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("grep", TELLS_NO_ENVIRONMENT)
    assert outcome_without_supervisor(nixos) == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_processes_that_do_not_tell_their_environment_in_time_keep_nobody_from_going_back(
    nixos: NixOS, old: str
) -> None:
    nixos.replace_tool("sleep", 'case $1 in 0.*) set 0.001 ;; esac; exec {sleep} "$1"')
    nixos.replace_tool("grep", 'case "$*" in *NIX_FLEET_STEP*) exec tail -f /dev/null ;; esac; exec {grep} "$@"')
    assert outcome_without_supervisor(nixos) == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_a_step_that_is_about_to_start_when_its_supervisor_is_killed_does_nothing(nixos: NixOS, old: str) -> None:
    slow = nixos.request(nixos.system("nixos-slow"))
    # It cannot be written down, and begins when the machine is back.
    (nixos.live / f"step-{slow.id}").mkdir(parents=True)
    until = f'until [ -s "{nixos.state}/journal.jsonl" ]; do sleep 0.05; done'
    late = f'kill -9 "$PPID"; {until}; export "NIX_FLEET_STEP=$step"; exec "$0" "$@"'
    waits = f"echo $$ >{nixos.root}/step; export step=$NIX_FLEET_STEP; unset NIX_FLEET_STEP; exec sh -c '{late}'"
    nixos.replace_tool(
        "setsid", f'case "$*" in *"step platform_activate "*) {waits} {{setsid}} "$@" ;; esac; exec {{setsid}} "$@"'
    )
    assert deploy(nixos, slow).outcome == "rolled_back"
    wait_for(lambda: is_gone(step_of(nixos)))
    assert nixos.whole_as == whole(old)


def test_where_its_directory_is_gone_a_recovery_takes_no_others_end_for_its_own(nixos: NixOS, old: str) -> None:
    for number in (1, 2):
        slow = cut_off(nixos, nixos.request(nixos.system(f"nixos-{number}", trouble=STUCK_HALFWAY)))
        program = (nixos.state / "runs" / slow.id / "program").read_text()
        aside = nixos.state.rename(nixos.path(f"/hidden-{number}"))
        # As on a file system that is read-only.
        nixos.state.touch()
        nixos.path("/program").write_text(program)
        nixos.program(nixos.path("/program"), "run")
        assert nixos.whole_as == whole(old)
        nixos.state.unlink()
        aside.rename(nixos.state)
        nixos.path("/step").unlink()


def test_what_an_ended_step_has_started_is_ended_with_its_group(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("grep", TELLS_NO_ENVIRONMENT)
    slow = nixos.request(nixos.system("nixos-slow", trouble='echo $$ > "$root/step"; sleep 30; : > "$root/finished"'))
    thread = nixos.start(slow)
    step, worker = step_of(nixos), nixos.supervisor_of(slow)
    os.kill(worker, signal.SIGSTOP)
    cut_down([os.getpgid(step), worker])
    thread.join()
    assert deploy(nixos, slow).outcome == "rolled_back"
    wait_for(lambda: is_gone(step))
    assert not nixos.path("/finished").exists()


def test_who_was_the_last_before_a_reboot_keeps_nobody_from_going_back(nixos: NixOS, old: str) -> None:
    slow = cut_off(nixos)
    rewrite_record(nixos, slow, recorded_boot="earlier")
    # Cut off in the moment before it said that it was the last, where what is in /run outlives a reboot.
    (mark,) = nixos.live.glob("acting-*")
    nixos.link(str(mark.relative_to(nixos.root)), "another earlier")
    nixos.program(slow, "recover")
    assert [entry["outcome"] for entry in nixos.journal] == ["rolled_back"]
