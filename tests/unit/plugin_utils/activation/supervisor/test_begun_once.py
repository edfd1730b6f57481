# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has begun never begins again, however often it is started and whatever has become of its directory meanwhile."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import threading

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import CONFIRMED, confirm, deploy

from ....errors import fails_with
from .interrupting import HALFWAY, OTHER, STUCK, custom, cut_down, cut_off, guard_of, is_gone, rewrite_record
from .nixos import RUNNING, NixOS, wait_for, whole


def have_others_come_first(nixos: NixOS) -> None:
    """Have somebody take the lock in the moment in which a supervisor begins."""
    nixos.hold_lock(os.getpid())
    aside = (nixos.live / "lock").rename(nixos.live / "aside")
    nixos.replace_tool(
        "ln", f'{{ln}} "$@" || exit; case "$*" in */worker) mv "{aside}" "{nixos.live}/lock" 2>/dev/null || : ;; esac'
    )


@pytest.mark.parametrize("part", ["run", "recover"])
def test_what_waits_for_its_turn_is_left_to_it_by_who_starts_it_again(nixos: NixOS, old: str, part: str) -> None:
    new = nixos.system("nixos-new")
    asked = nixos.request(new, lock_timeout=600)
    have_others_come_first(nixos)
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(deploy(nixos, asked).outcome))
    thread.start()
    wait_for((nixos.state / "runs" / asked.id / "worker").is_symlink)
    nixos.program(asked, part)
    (nixos.live / "lock").unlink()
    thread.join()
    assert answers == ["activated"]
    assert nixos.calls == ["test new", "boot new"]
    assert nixos.whole_as == whole(new)


@pytest.mark.parametrize("left", ["outcome", "outcome in memory", "record in memory"])
def test_what_has_a_new_directory_where_its_own_was_hidden_has_begun_all_the_same(
    nixos: NixOS, old: str, left: str
) -> None:
    slow = cut_off(nixos, nixos.request(nixos.system("nixos-slow", trouble=f'ln -sfn "$self" "{RUNNING}"; {STUCK}')))
    run = nixos.state / "runs" / slow.id
    program = (run / "program").read_text()
    nixos.state.rename(nixos.path("/hidden"))
    run.mkdir(parents=True)
    (run / "program").write_text(program)
    if left != "record in memory":
        place = run / "outcome" if left == "outcome" else nixos.live / f"outcome-{slow.id}"
        place.write_text("outcome=activated\n")
        (nixos.live / slow.id).unlink()
        (nixos.live / "lock").unlink()
    nixos.path("/repaired").touch()
    nixos.program(slow, "run")
    assert nixos.calls == ["test slow"] + (["test old"] if left == "record in memory" else [])
    assert nixos.standing(RUNNING) == (old if left == "record in memory" else slow.closure)


def test_what_nix_does_not_know_of_touches_nothing(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    nixos.forget(new)
    answer = nixos.deploy(new)
    assert (answer.outcome, "is not valid" in answer.cause) == ("refused", True)
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize("file", ["worker", "lock.*"])
def test_what_cannot_say_that_it_is_there_touches_nothing(nixos: NixOS, old: str, file: str) -> None:
    nixos.replace_tool("ln", f'case "$*" in */{file}) exit 1 ;; esac; exec {{ln}} "$@"')
    assert nixos.deploy(nixos.system("nixos-new")).outcome == "refused"
    assert nixos.calls == []
    assert nixos.whole_as == whole(old)


def test_who_is_told_to_stop_while_it_waits_for_its_turn_touches_nothing(nixos: NixOS, old: str) -> None:
    asked = nixos.request(nixos.system("nixos-new"), lock_timeout=600)
    have_others_come_first(nixos)
    thread = threading.Thread(target=deploy, args=(nixos, asked))
    thread.start()
    wait_for((nixos.state / "runs" / asked.id / "worker").is_symlink)
    os.kill(nixos.supervisor_of(asked), signal.SIGTERM)
    thread.join(20)
    assert not thread.is_alive()
    assert deploy(nixos, asked).outcome == "refused"
    assert nixos.calls == []


@pytest.mark.slow
def test_a_machine_that_shuts_down_is_brought_back_when_it_is_up_again(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("systemctl", f'[ -e "{nixos.root}/leaving" ] && echo stopping')
    bad = nixos.request(nixos.system("nixos-bad", trouble=f': > "$root/leaving"; {HALFWAY}'))
    thread = nixos.start(bad)
    guard = int((nixos.state / "runs" / bad.id / "worker").readlink().as_posix().split()[0])
    wait_for(lambda: is_gone(guard))
    assert nixos.calls == ["test bad"]
    assert nixos.journal == []
    nixos.path("/leaving").unlink()
    thread.join()
    wait_for(lambda: [entry["outcome"] for entry in nixos.journal] == ["rolled_back"])
    assert nixos.whole_as == whole(old)


def test_a_machine_that_shuts_down_does_not_wait_for_a_custom_profile_that_is_not_back(nixos: NixOS) -> None:
    nixos.hurry()
    nixos.replace_tool("systemctl", f'[ ! -e "{nixos.root}/leaving" ] || echo stopping')
    old = nixos.closure("tool-old", bin__activate="[ ! -e @root@/leaving ] || exit 1")
    nixos.link(f"{OTHER}-1-link", old)
    nixos.link(OTHER, "other-1-link")
    bad = custom(nixos, nixos.closure("tool-bad", bin__activate=": > @root@/leaving; exit 1"))
    thread = nixos.start(bad)
    guard = guard_of(nixos, bad)
    wait_for(lambda: is_gone(guard), 60)
    thread.join()
    nixos.path("/leaving").unlink()
    good = custom(nixos, nixos.closure("tool-good", bin__activate=":"))
    assert deploy(nixos, good).outcome == "activated"
    assert [entry["outcome"] for entry in nixos.journal] == ["rollback_failed", "rolled_back", "activated"]


def test_after_a_soft_reboot_a_unit_in_memory_brings_the_machine_back(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("systemctl", f'[ ! -e "{nixos.root}/leaving" ] || echo stopping')
    request = nixos.request(nixos.system("nixos-new"), confirm_timeout=600)
    assert deploy(nixos, request).outcome == "awaiting"
    guard = int((nixos.state / "runs" / request.id / "worker").readlink().as_posix().split()[0])
    nixos.path("/leaving").touch()
    os.kill(nixos.supervisor_of(request), signal.SIGTERM)
    wait_for(lambda: is_gone(guard))
    nixos.path("/leaving").unlink()

    unit = nixos.path(f"/run/systemd/system/multi-user.target.wants/nix-fleet-{request.id}-again.service")
    command = unit.read_text().rpartition("ExecStart=")[2].split()
    where = {f"RequiresMountsFor={command[1]}", f"ConditionPathExists={command[1]}"}
    assert {"StartLimitIntervalSec=0", "TimeoutStopSec=1h", *where} <= set(unit.read_text().splitlines())
    assert pathlib.Path(command[1]).stat().st_mode & 0o77 == 0
    assert command[0] == "/bin/sh"
    nixos.script(*command[1:])
    assert [entry["outcome"] for entry in nixos.journal] == ["rolled_back"]
    assert nixos.whole_as == whole(old)
    assert not unit.is_symlink()


def test_a_custom_profile_that_nobody_has_confirmed_goes_back_when_the_machine_is_booted(nixos: NixOS) -> None:
    for directory in ("/run/systemd/system", "/etc/systemd/system"):
        nixos.path(directory).mkdir(parents=True)
    nixos.replace_tool("systemd-run", "exit 1")
    nixos.replace_tool("sync", f'printf "%s\\n" "$@" >>"{nixos.root}/synced"')
    old, new = (nixos.closure(f"tool-{name}", bin__activate=f"echo {name} >> @root@/calls") for name in ("old", "new"))
    assert deploy(nixos, custom(nixos, old)).outcome == "activated"
    request = custom(nixos, new, confirm_timeout=600)
    assert deploy(nixos, request).outcome == "awaiting"
    cut_down([guard_of(nixos, request), nixos.worker_of(request)])
    rewrite_record(nixos, request, recorded_boot="earlier")
    shutil.rmtree(nixos.live)
    (unit,) = nixos.path("/etc/systemd/system/multi-user.target.wants").iterdir()
    assert str(unit.resolve()) in nixos.path("/synced").read_text().splitlines()
    nixos.script(*unit.read_text().rpartition("ExecStart=/bin/sh ")[2].split())
    assert (nixos.calls, nixos.standing(OTHER)) == (["old", "new", "old"], old)
    assert [path for path in nixos.path("/etc/systemd/system").rglob("*") if not path.is_dir()] == []


def test_a_custom_profile_adds_nothing_to_a_system_s_own_units(nixos: NixOS) -> None:
    nixos.path("/run/systemd/system").mkdir(parents=True)
    nixos.replace_tool("systemd-run", "exit 1")
    units = nixos.closure("system-units", a__service=":")
    nixos.link("/etc/systemd/system", units)
    request = custom(nixos, nixos.closure("tool-new", bin__activate=":"), confirm_timeout=600)
    assert deploy(nixos, request).outcome == "awaiting"
    assert [file.name for file in nixos.path(units).iterdir()] == ["a"]


@pytest.mark.parametrize("sign", ["active", "begun"])
def test_what_systemd_has_started_before_it_failed_is_not_started_again(nixos: NixOS, old: str, sign: str) -> None:
    nixos.path("/run/systemd/system").mkdir(parents=True)
    nixos.replace_tool("systemctl", f'[ "$1 {sign}" = "is-active active" ]')
    # It may not have come so far that it has begun, or have ended by now.
    begun = f'until [ -e "{nixos.state}"/runs/*/begun ]; do sleep 0.05; done'
    starts = f'setsid "$@" & {begun}' if sign == "begun" else '{ sleep 0.5; exec setsid "$@"; } &'
    program = (
        'for word; do case $word in --setenv=*) export "${word#--setenv=}" ;; --*) ;; *) break ;; esac; shift; done'
    )
    nixos.replace_tool("systemd-run", f"{program}\n{starts}\nexit 1")
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert (answer.outcome, "session of its own" in answer.log) == ("activated", False)
    assert nixos.calls == ["test new", "boot new"]


def test_systemd_ends_in_the_end_what_cannot_act_and_starts_it_anew(nixos: NixOS, old: str) -> None:
    nixos.path("/run/systemd/system").mkdir(parents=True)
    nixos.replace_tool("systemd-run", f'printf "%s\\n" "$@" >"{nixos.root}/unit"; exit 1')
    nixos.deploy(nixos.system("nixos-new"))
    unit = nixos.path("/unit").read_text().splitlines()
    assert {"--property=Restart=on-failure", "--property=RuntimeMaxSec=2d", "--property=DefaultDependencies=no"} <= set(
        unit
    )


def test_what_the_way_back_writes_the_boot_loader_to_stays_mounted_until_it_has_ended(nixos: NixOS, old: str) -> None:
    nixos.path("/run/systemd/system").mkdir(parents=True)
    nixos.replace_tool("systemd-run", f'printf "%s\\n" "$@" >"{nixos.root}/unit"; exit 1')
    nixos.deploy(nixos.system("nixos-new"))
    lines = nixos.path("/unit").read_text().splitlines()
    after = {
        name for line in lines if line.startswith("--property=After=boot") for name in line.rpartition("=")[2].split()
    }
    names = ("boot", "efi", "esp", "boot-efi", "boot-firmware")
    assert after == {f"{name}.{kind}" for name in names for kind in ("mount", "automount")}


def test_what_systemd_starts_anew_takes_no_program_of_the_system_that_runs_by_then(nixos: NixOS, old: str) -> None:
    nixos.path("/run/systemd/system").mkdir(parents=True)
    tools = nixos.path("/tools")
    tools.symlink_to("bin")
    nixos.environment["PATH"] = str(tools)
    nixos.replace_tool("systemd-run", f'printf "%s\\0" "$@" >"{nixos.root}/unit"; exit 1')
    request = nixos.request(nixos.system("nixos-new"), confirm_timeout=600)
    assert deploy(nixos, request).outcome == "awaiting"
    cut_down([guard_of(nixos, request), nixos.worker_of(request)])
    tools.unlink()
    words = nixos.path("/unit").read_text().rstrip("\0").split("\0")
    command = [word for word in words if not word.startswith("--")]
    settings = [word.removeprefix("--setenv=") for word in words if word.startswith("--setenv=")]
    subprocess.run(command, env=dict(setting.split("=", 1) for setting in settings), check=False)
    assert nixos.whole_as == whole(old)


def test_of_what_waits_for_its_turn_no_other_is_said_to_be_the_supervisor(nixos: NixOS, old: str) -> None:
    asked = nixos.request(nixos.system("nixos-new"), lock_timeout=600)
    have_others_come_first(nixos)
    thread = threading.Thread(target=lambda: deploy(nixos, asked))
    thread.start()
    wait_for((nixos.state / "runs" / asked.id / "worker").is_symlink)
    with fails_with("activation.no_answer") as told:
        confirm(nixos, asked.id, CONFIRMED, 1)
    assert ("waits for its turn" in told.value.cause, "bob@desk" in told.value.cause) == (True, True)
    (nixos.live / "lock").unlink()
    thread.join()


def test_what_waits_for_its_turn_is_waited_for(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    asked = nixos.request(new, lock_timeout=86400)
    have_others_come_first(nixos)
    # A minute passes in a moment.
    nixos.replace_tool("sleep", "exec {sleep} 0.01")
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(deploy(nixos, asked).outcome))
    thread.start()
    thread.join(5)
    (nixos.live / "lock").unlink()
    thread.join()
    assert answers == ["activated"]


def test_a_connection_that_hangs_up_in_the_moment_of_the_start_ends_nothing(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("setsid", 'case "$*" in *" run") kill -HUP $$ ;; esac; exec {setsid} "$@"')
    new = nixos.system("nixos-new")
    assert nixos.deploy(new).outcome == "activated"
    assert nixos.whole_as == whole(new)


def test_who_is_told_to_stop_right_before_the_activation_does_not_begin_it(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("mv", 'case "$*" in */acting-*) kill -TERM "$PPID" ;; esac; exec {mv} "$@"')
    request = nixos.request(nixos.system("nixos-new"))
    assert deploy(nixos, request).outcome == "rolled_back"
    steps = [line for line in (nixos.state / "runs" / request.id / "log").read_text().splitlines() if line[:2] == "=="]
    assert "platform_check" in steps[0]
    assert not [step for step in steps if "platform_activate " in step]
    assert nixos.calls == []
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize("by", ["who starts it again", pytest.param("who waits for it", marks=pytest.mark.slow)])
def test_what_starts_in_the_moment_in_which_it_is_given_up_does_not_begin(nixos: NixOS, old: str, by: str) -> None:
    nixos.hurry()
    nixos.replace_tool("setsid", 'case "$*" in *" run" | *" recover") exit ;; esac; exec {setsid} "$@"')
    asked = nixos.request(nixos.system("nixos-new"))
    run = nixos.state / "runs" / asked.id
    program, started = nixos.path("/program"), nixos.path("/started")
    begins = (
        f'NIX_FLEET_PROGRAM=$(cat "{program}") sh -c \'eval "$NIX_FLEET_PROGRAM"\' x run </dev/null >/dev/null 2>&1'
    )
    late = f'[ -e "{run}/outcome" ] || ! mkdir "{started}" 2>/dev/null || {begins}'
    nixos.replace_tool("mv", f'case "$*" in */outcome) {late} ;; esac; exec {{mv}} "$@"')
    thread = nixos.deploying(asked)
    wait_for(lambda: (run / "program").exists() and (run / "program").read_text().endswith('"$@"\n'))
    shutil.copy(run / "program", program)
    if by == "who starts it again":
        nixos.program(program, "recover")
        assert started.exists()
    thread.join(60)
    assert (started.exists(), nixos.calls) == (True, [])
