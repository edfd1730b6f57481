# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody has confirmed is gone back from, whatever other deployments, other tools or a full machine do meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import failure, parse_answer
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import (
    CONFIRMED,
    cancelled,
    confirm_script,
    deploy,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import begin_script
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from ..machine import SHELLS
from .interrupting import (
    EMPTY,
    OTHER,
    STUCK_HALFWAY,
    awaiting,
    children_of,
    custom,
    cut_down,
    cut_off,
    guard_of,
    is_gone,
    not_back,
    rewrite_record,
)
from .nixos import PROFILE, RUNNING, NixOS, wait_for, whole
from .test_again import nothing_tried
from .test_without_files import BLOCK

if t.TYPE_CHECKING:
    from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Request


def killed(nixos: NixOS, request: Request) -> None:
    """Kill both processes of a supervisor."""
    worker = nixos.holder(request)
    assert worker
    guard = guard_of(nixos, request)
    for process in (guard, worker):
        os.kill(process, signal.SIGKILL)


def test_a_deployment_of_another_profile_takes_no_way_back_away(nixos: NixOS, stuck: str) -> None:
    not_back(nixos)
    tool = nixos.closure("tool", bin__activate="echo tool >> @root@/calls")
    answer = deploy(nixos, custom(nixos, tool, lock_timeout=600))
    assert (answer.outcome, answer.cause) == ("activated", "")
    nixos.path("/no-way-back").unlink()
    wait_for(lambda: nixos.whole_as == whole(stuck), 60)


def test_what_another_profile_stands_at_already_is_unchanged_while_one_is_not_back(nixos: NixOS, stuck: str) -> None:
    tool = nixos.closure("tool", bin__activate="echo tool >> @root@/calls")
    assert deploy(nixos, custom(nixos, tool)).outcome == "activated"
    (nixos.state / "journal.jsonl").unlink()
    not_back(nixos)
    assert deploy(nixos, custom(nixos, tool, lock_timeout=600)).outcome == "unchanged"


def test_a_deployment_that_fails_takes_no_way_back_away(nixos: NixOS, stuck: str) -> None:
    first = not_back(nixos)
    bad = nixos.request(nixos.system("nixos-bad", trouble="exit 2"), lock_timeout=600)
    assert deploy(nixos, bad).outcome == "rolled_back"
    # What it is brought back by, should it be killed.
    assert (nixos.state / "runs" / first.id / "recorded").exists()
    nixos.path("/no-way-back").unlink()
    wait_for(lambda: nixos.whole_as == whole(stuck), 60)


@pytest.mark.parametrize("both", [False, True], ids=["worker", "both"])
def test_a_deployment_that_is_killed_as_it_has_gone_back_takes_no_way_back_away(
    nixos: NixOS, stuck: str, *, both: bool
) -> None:
    not_back(nixos)
    bad = nixos.request(nixos.system("nixos-bad", trouble="exit 2"), lock_timeout=600)
    guard = f'"$({nixos.tool("sed")} "s/.*) S \\([0-9]*\\) .*/\\1/" "/proc/$PPID/stat")"' if both else ""
    once = f'[ -e "{nixos.root}/killed" ] || {{ : >"{nixos.root}/killed"; kill -9 {guard} "$PPID"; }}'
    nixos.replace_tool("rm", f'case "$*" in *./before*) {once} ;; esac; exec {{rm}} "$@"')
    assert deploy(nixos, bad).outcome == "rolled_back"
    if both:
        nixos.program(bad, "recover")
    nixos.path("/no-way-back").unlink()
    wait_for(lambda: nixos.whole_as == whole(stuck), 60)


def test_a_deployment_that_fails_and_leaves_what_it_found_takes_no_way_back_away(nixos: NixOS, stuck: str) -> None:
    first = not_back(nixos)
    bad = nixos.system("nixos-bad", trouble="exit 2")
    answer = deploy(nixos, nixos.request(bad, rollback_on_failure=False, lock_timeout=600))
    assert (answer.outcome, (nixos.state / "runs" / first.id / "recorded").exists()) == ("failed", True)
    nixos.path("/no-way-back").unlink()
    wait_for(lambda: nixos.whole_as == whole(stuck), 60)


def test_a_deployment_that_fails_and_stays_takes_the_place_of_one_that_is_not_back(nixos: NixOS, stuck: str) -> None:
    first = not_back(nixos)
    bad = nixos.system("nixos-bad", trouble=f'ln -sfn "$self" "{RUNNING}"; exit 2')
    answer = deploy(nixos, nixos.request(bad, rollback_on_failure=False, lock_timeout=600))
    assert (answer.outcome, (nixos.state / "runs" / first.id).exists()) == ("failed", False)


def test_a_deployment_that_stays_takes_the_place_of_one_that_is_not_back(nixos: NixOS, stuck: str) -> None:
    first = not_back(nixos)
    assert (nixos.live / f"program-{first.id}").exists()
    guard = guard_of(nixos, first)
    good = nixos.system("nixos-good")
    assert deploy(nixos, nixos.request(good, lock_timeout=600)).outcome == "activated"
    nixos.path("/no-way-back").unlink()
    wait_for(lambda: not Path(f"/proc/{guard}").exists(), 60)
    assert nixos.whole_as == whole(good)
    # What memory has of it would pass for what is hidden.
    assert not list(nixos.live.glob(f"*{first.id}"))
    assert nixos.deploy(good).outcome == "unchanged"


def test_a_recovery_that_fails_under_another_deployment_is_tried_again_after_it(nixos: NixOS, stuck: str) -> None:
    first = awaiting(nixos)
    killed(nixos, first)
    refused = nixos.request(nixos.system("nixos-refused", check="exit 1"), lock_timeout=600)
    assert deploy(nixos, refused).outcome == "refused"
    nixos.path("/no-way-back").unlink()
    wait_for(lambda: nixos.whole_as == whole(stuck), 60)


def by_hand(nixos: NixOS, *, runs: bool) -> str:
    """Have somebody else make another system the default, and perhaps run it."""
    other = nixos.system("nixos-other")
    nixos.link(f"{PROFILE}-7-link", other)
    nixos.link(PROFILE, "system-7-link")
    nixos.load(other)
    if runs:
        nixos.link(RUNNING, other)
    return other


def ended(nixos: NixOS, request: Request, how: str) -> None:
    """Have a deployment that awaits its confirmation not be confirmed."""
    if how == "killed":
        os.kill(nixos.supervisor_of(request), signal.SIGKILL)
    else:
        nixos.run(confirm_script(request.id, cancelled("not wanted"), 0))
    wait_for(lambda: bool(nixos.journal), 60)


@pytest.mark.parametrize("how", ["killed", "cancelled"])
def test_what_was_made_the_default_by_hand_stays_and_what_runs_unconfirmed_does_not(
    nixos: NixOS, old: str, how: str
) -> None:
    request = awaiting(nixos)
    other = by_hand(nixos, runs=False)
    ended(nixos, request, how)
    assert nixos.journal[-1]["outcome"] == "superseded"
    assert nixos.whole_as == (old, other, "other")


@pytest.mark.parametrize("default", ["as it was", "made by hand"])
def test_a_specialisation_of_what_nobody_confirmed_is_gone_back_from_as_well(
    nixos: NixOS, old: str, default: str
) -> None:
    new, inner = nixos.system("nixos-unconfirmed"), nixos.system("nixos-inner")
    nixos.link(f"{new}/specialisation/night", inner)
    request = awaiting(nixos, new)
    # As its own timer does.
    nixos.link(RUNNING, inner)
    if default != "as it was":
        by_hand(nixos, runs=False)
    ended(nixos, request, "cancelled")
    assert (nixos.journal[-1]["outcome"], nixos.whole_as) == (
        ("rolled_back", whole(old))
        if default == "as it was"
        else ("superseded", (old, nixos.system("nixos-other"), "other"))
    )


def test_what_somebody_else_is_about_to_run_is_not_undone_when_that_was_waited_for(nixos: NixOS) -> None:
    other = nixos.system("nixos-other")
    theirs = f'ln -sfn "{other}" "{RUNNING}"; echo "Could not acquire lock" >&2; exit 11'
    old = nixos.system("nixos-old", trouble=f'[ -e "$root/held" ] && {{ rm "$root/held"; {theirs}; }}')
    nixos.install(old)
    request = awaiting(nixos)
    by_hand(nixos, runs=False)
    nixos.path("/held").touch()
    ended(nixos, request, "cancelled")
    told = nixos.journal[-1]
    assert (told["outcome"], "runs again what ran before" in told["cause"]) == ("superseded", False)
    assert nixos.whole_as == whole(other)


def test_what_somebody_else_has_made_of_the_machine_while_its_lock_was_waited_for_is_not_undone(
    nixos: NixOS, old: str
) -> None:
    nixos.hurry()
    other = nixos.system("nixos-other")
    theirs = f'for link in "{RUNNING}" "{PROFILE}"; do ln -sfn "{other}" "$link"; done'
    new = nixos.system("nixos-new", trouble=f'{theirs}; echo "Could not acquire lock" >&2; exit 11')
    assert nixos.deploy(new, activation_timeout=1).outcome == "superseded"
    assert (nixos.standing(RUNNING), nixos.standing(PROFILE)) == (other, other)


def test_what_an_unconfirmed_system_has_itself_made_the_default_is_nobody_elses(nixos: NixOS, old: str) -> None:
    other = nixos.system("nixos-other")
    makes = f'ln -s "{other}" "{PROFILE}-7-link"; ln -sfn system-7-link "{PROFILE}"'
    request = awaiting(nixos, nixos.system("nixos-unconfirmed", trouble=makes))
    ended(nixos, request, "cancelled")
    assert nixos.journal[-1]["outcome"] == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_what_runs_unconfirmed_beside_a_default_made_by_hand_is_left_as_soon_as_it_can_be(
    nixos: NixOS, stuck: str
) -> None:
    request = awaiting(nixos)
    other = by_hand(nixos, runs=False)
    os.kill(nixos.supervisor_of(request), signal.SIGKILL)
    wait_for(lambda: [entry["outcome"] for entry in nixos.journal] == ["rollback_failed"], 60)
    nixos.path("/no-way-back").unlink()
    wait_for(lambda: [entry["outcome"] for entry in nixos.journal] == ["rollback_failed", "superseded"], 60)
    assert nixos.whole_as == (stuck, other, "other")
    wait_for(lambda: not (nixos.live / "lock").is_symlink())


def test_where_there_would_be_no_way_back_nothing_is_touched(nixos: NixOS) -> None:
    before = nixos.closure("nixos-old", nixos_version="")
    nixos.install(before)
    new = nixos.system("nixos-new")
    refused = nixos.deploy(new, confirm_timeout=30)
    assert (refused.outcome, nixos.whole_as) == ("refused", whole(before))
    assert before in refused.cause
    assert nixos.deploy(new, rollback_on_failure=False).outcome == "activated"


def test_the_old_system_finds_programs_that_the_new_one_has_taken_away(nixos: NixOS) -> None:
    nixos.hurry()
    for generation in ("one", "two"):
        nixos.path(f"/generations/{generation}/bin").mkdir(parents=True)
    tool = nixos.path("/generations/one/bin/a-tool")
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    nixos.link("/own", "@root@/generations/one")

    def activate(name: str) -> str:
        return f"echo {name} >> @root@/calls; rm -f @root@/own; ln -s @root@/generations/{name} @root@/own"

    one = nixos.closure("tool-one", bin__activate=f"a-tool || exit 9; {activate('one')}")
    two = nixos.closure("tool-two", bin__activate=activate("two"))
    nixos.link(f"{OTHER}-1-link", one)
    nixos.link(OTHER, "other-1-link")
    nixos.search = f"{nixos.path('/own')}/bin"
    request = custom(nixos, two, confirm_timeout=1000)
    assert deploy(nixos, request).outcome == "awaiting"
    nixos.run(confirm_script(request.id, cancelled("not wanted"), 30))
    assert nixos.calls == ["two", "one"]
    assert nixos.journal[-1]["outcome"] == "rolled_back"


def test_an_old_system_that_fails_is_told_by_its_exit_code_and_not_by_the_boot_loader(nixos: NixOS, stuck: str) -> None:
    request = nixos.request(nixos.system("nixos-bad", trouble="exit 2"))
    answer = deploy(nixos, request)
    assert (answer.outcome, answer.loader_failed, answer.now.running) == ("rollback_failed", False, stuck)
    told = failure(request.id, answer)
    assert "exit code 2" in told.cause
    assert "boot" not in told.cause


def test_a_script_that_is_sent_again_while_it_waits_follows_the_deployment_that_the_first_one_begins(
    nixos: NixOS, old: str
) -> None:
    with subprocess.Popen(["sleep", "1000"]) as holder:
        nixos.hold_lock(holder.pid)
        new = nixos.system("nixos-new", trouble="sleep 3")
        request = nixos.request(new, lock_timeout=30)
        answers: list[str] = []
        scripts = [
            threading.Thread(
                target=lambda: answers.append(parse_answer(nixos.run(begin_script(request)).stdout).outcome)
            )
            for _number in range(2)
        ]
        for script in scripts:
            script.start()
        holder.kill()
        holder.wait()
        for script in scripts:
            script.join()
    assert answers == ["activated", "activated"]
    assert len(nixos.journal) == 1
    assert nixos.whole_as == whole(new)
    assert old != new


@pytest.fixture(params=SHELLS)
def user(request: pytest.FixtureRequest) -> t.Iterator[tuple[NixOS, list[str]]]:
    """A machine of a user whose processes are counted, and what makes a command that user's."""
    # Below pytest's own directory nobody else gets.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        name = str(64000 + os.getpid() % 900)
        yield (
            NixOS(Path(directory), request.param, uid=0),
            [str(shutil.which("setpriv")), "--reuid", name, "--clear-groups"],
        )
        subprocess.run(["pkill", "-KILL", "-U", name], check=False)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("prlimit"), reason="needs root, and prlimit")
def test_where_no_process_can_be_made_for_a_while_the_machine_goes_back_afterwards(
    user: tuple[NixOS, list[str]],
) -> None:
    nixos, as_user = user
    old = awaiting_as(user, 10)[0]
    others = [subprocess.Popen([*as_user, str(shutil.which("sleep")), "1000"]) for _number in range(80)]
    signal.sigtimedwait([], 15)
    assert nixos.whole_as != whole(old)
    for other in others:
        other.kill()
        other.wait()
    wait_for(lambda: nixos.whole_as == whole(old), 120)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("prlimit"), reason="needs root, and prlimit")
def test_where_no_process_can_be_made_once_more_while_it_begins_again_the_machine_goes_back_afterwards(
    user: tuple[NixOS, list[str]],
) -> None:
    nixos, as_user = user
    old, request = awaiting_as(user, 1000)
    guard = guard_of(nixos, request)
    limit_processes(as_user, guard, 1)
    cut_down(children_of(guard))
    wait_for(lambda: "NIX_FLEET_AGAIN" in Path(f"/proc/{guard}/cmdline").read_text(), 60)
    limited = nixos.path("/home/limited")
    again = f'[ -e "{limited}" ] || {{ {shutil.which("prlimit")} --pid "$PPID" --nproc=1:; : >"{limited}"; }}'
    nixos.replace_tool("date", f'{again}; exec {{date}} "$@"')
    limit_processes(as_user, guard, 60)
    wait_for(limited.exists, 60)
    # So long that it has noticed.
    signal.sigtimedwait([], 1)
    limit_processes(as_user, guard, 60)
    wait_for(lambda: nixos.whole_as == whole(old), 60)


def limit_processes(as_user: list[str], process: int, number: int) -> None:
    """Have ``process`` make no other as long as its user has ``number`` of them; where that is 0, bash crashes as it waits."""
    subprocess.run([*as_user, str(shutil.which("prlimit")), "--pid", str(process), f"--nproc={number}:"], check=True)


def awaiting_as(user: tuple[NixOS, list[str]], seconds: int) -> tuple[str, Request]:
    """Return what ran before, and the request of a deployment of that user's which awaits a confirmation."""
    nixos, as_user = user
    old = nixos.system("nixos-old")
    nixos.install(old)
    # What was recorded is in memory alone.
    request = nixos.request(nixos.system("nixos-unconfirmed", trouble=EMPTY), confirm_timeout=seconds)
    subprocess.run(["chown", "-R", as_user[2], str(nixos.root)], check=True)
    nixos.root.chmod(0o755)
    begun = subprocess.run(
        [str(shutil.which("prlimit")), "--nproc=60:60", *as_user, str(nixos.tool("sh")), "-s"],
        input=nixos.here(begin_script(request)),
        env={"PATH": str(nixos.tool("sh").parent), "HOME": str(nixos.path("/home")), "USER": "a"},
        cwd=nixos.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert parse_answer(nixos.there(begun.stdout)).outcome == "awaiting", begun.stdout + begun.stderr
    return old, request


@pytest.mark.parametrize("how", ["killed", "cancelled"])
def test_what_others_run_and_boot_by_now_is_left_though_nobody_confirmed_what_ran_before(
    nixos: NixOS, old: str, how: str
) -> None:
    request = awaiting(nixos)
    other = by_hand(nixos, runs=True)
    ended(nixos, request, how)
    assert (nixos.journal[-1]["outcome"], "somebody else" in nixos.journal[-1]["cause"]) == ("superseded", True)
    assert nixos.whole_as == whole(other)
    assert nixos.calls == ["test unconfirmed"]


def test_the_room_that_was_kept_is_given_before_the_way_back_begins(nixos: NixOS, old: str) -> None:
    kept = f'ls "{nixos.state}"/runs/*/reserve >/dev/null 2>&1 && echo "no room" >> "{nixos.root}/calls"'
    note = f"case $* in *--switch-generation*) {kept} ;; esac"
    nix_env = nixos.tool("nix-env")
    nix_env.rename(nix_env.with_name("nix-env-itself"))
    nix_env.write_text(f'#!/bin/sh\n{note}\nexec "{nix_env}-itself" "$@"\n')
    nix_env.chmod(0o755)
    assert nixos.deploy(nixos.system("nixos-bad", loading="exit 1")).outcome == "rolled_back"
    assert nixos.calls == ["test bad", "boot bad", "boot old", "test old"]


def test_what_an_earlier_boot_left_is_tried_again_after_a_deployment_that_has_gone_back(
    nixos: NixOS, stuck: str
) -> None:
    rewrite_record(nixos, cut_off(nixos, trouble=STUCK_HALFWAY), recorded_boot="earlier")
    shutil.rmtree(nixos.live)
    bad = nixos.request(nixos.system("nixos-bad", trouble="exit 2"))
    assert deploy(nixos, bad).outcome == "rolled_back"
    nixos.path("/no-way-back").unlink()
    wait_for(lambda: nixos.whole_as == whole(stuck), 30)


def test_what_was_confirmed_where_nothing_could_be_told_of_it_stays_after_a_reboot(nixos: NixOS) -> None:
    old, new = (nixos.closure(f"tool-{name}", bin__activate=f"echo {name} >> @root@/calls") for name in ("old", "new"))
    assert deploy(nixos, custom(nixos, old)).outcome == "activated"
    request = custom(nixos, new, confirm_timeout=1000)
    assert deploy(nixos, request).outcome == "awaiting"
    program = nixos.state / "runs" / request.id / "program"
    text = program.read_text()
    for tool in ("mv", "rm"):
        nixos.replace_tool(tool, f'case "$*" in *outcome*|*recorded*) exit 1 ;; esac; exec {{{tool}}} "$@"')
    confirmed = nixos.run(confirm_script(request.id, CONFIRMED, 60)).stdout
    assert parse_answer(confirmed).outcome == "confirmed"
    for tool in ("mv", "rm"):
        nixos.replace_tool(tool, f'exec {{{tool}}} "$@"')
    program.write_text(text)
    shutil.rmtree(nixos.live)
    rewrite_record(nixos, request, recorded_boot="earlier")
    (nixos.state / "journal.jsonl").unlink()
    nixos.program(request, "recover")
    assert deploy(nixos, custom(nixos, new)).outcome == "unchanged"
    assert [entry["outcome"] for entry in nixos.journal] == ["confirmed"]
    assert (nixos.calls, nixos.standing(OTHER)) == (["old", "new"], new)
    assert [path.name for path in nixos.path(OTHER).parent.glob("*.fleet*")] == []


@pytest.mark.parametrize("boot", [None, "earlier"], ids=["this boot", "an earlier boot"])
def test_a_dead_lock_of_others_keeps_no_machine_from_going_back(nixos: NixOS, stuck: str, boot: str | None) -> None:
    first = not_back(nixos)
    with nothing_tried(nixos, first), subprocess.Popen(["sleep", "30"]) as holder:
        nixos.hold_lock(holder.pid, boot=boot)
        holder.kill()
    nixos.path("/no-way-back").unlink()
    wait_for(lambda: nixos.whole_as == whole(stuck), 30)


def test_what_is_not_back_since_an_earlier_boot_is_kept_by_a_deployment_of_another_profile(nixos: NixOS) -> None:
    old = nixos.closure("tool-old", bin__activate="[ ! -e @root@/no-way-back ]")
    assert deploy(nixos, custom(nixos, old)).outcome == "activated"
    nixos.path("/no-way-back").touch()
    first = custom(nixos, nixos.closure("tool-new", bin__activate=":"), confirm_timeout=1000)
    assert deploy(nixos, first).outcome == "awaiting"
    worker = nixos.holder(first)
    ended(nixos, first, "cancelled")
    run = nixos.state / "runs" / first.id
    cut_down([int((run / "worker").readlink().as_posix().split()[0]), worker or 0])
    rewrite_record(nixos, first, recorded_boot="earlier")
    (run / "boot").unlink()
    (run / "boot").symlink_to("boot earlier")
    shutil.rmtree(nixos.live)
    site = {"platform": platforms()["custom"], "profile": "/nix/var/nix/profiles/site", "program": "bin/activate"}
    assert nixos.deploy(nixos.closure("site", bin__activate=":"), **site, lock_timeout=600).outcome == "activated"
    assert (run / "recorded").exists()


def test_what_is_about_to_be_gone_back_from_is_not_called_unchanged(nixos: NixOS, stuck: str) -> None:
    first = not_back(nixos)
    # Nor can a further try note it again.
    (nixos.state / "half_active").unlink()
    (nixos.state / "half_active").mkdir()
    nixos.link(RUNNING, str(first.closure))
    again = nixos.request(str(first.closure), goal="test", lock_timeout=600)
    assert deploy(nixos, again).outcome == "activated"


def test_a_guard_that_is_hung_up_tries_again_all_the_same(nixos: NixOS, stuck: str) -> None:
    first = not_back(nixos)
    run = nixos.state / "runs" / first.id
    killed_guard = int((run / "worker").readlink().as_posix().split()[0])
    os.kill(killed_guard, signal.SIGKILL)
    # As systemd starts it, which ignores no signal.
    threading.Thread(target=nixos.program, args=(first, "recover"), daemon=True).start()
    wait_for(lambda: f"{killed_guard} " not in (run / "worker").readlink().as_posix())
    guard = guard_of(nixos, first)
    os.kill(guard, signal.SIGHUP)
    # So long that it would be gone.
    time.sleep(0.5)
    assert not is_gone(guard)
    nixos.path("/no-way-back").unlink()
    wait_for(lambda: nixos.whole_as == whole(stuck), 30)


def test_what_cannot_be_told_as_a_whole_leaves_what_was_told_before(nixos: NixOS, stuck: str) -> None:
    nixos.path("/no-way-back").touch()
    request = nixos.request(nixos.system("nixos-bad", trouble=f'{BLOCK}; ln -sfn "$self" "{RUNNING}"; exit 2'))
    assert deploy(nixos, request).outcome == "rollback_failed"
    nixos.replace_tool("mv", 'case "$*" in */outcome-*.fleet*) exit 1 ;; esac; exec {mv} "$@"')
    nixos.path("/no-way-back").unlink()
    wait_for(lambda: nixos.whole_as == whole(stuck) and not (nixos.live / "lock").is_symlink(), 30)
    assert (nixos.live / f"outcome-{request.id}").read_text().startswith("outcome=rollback_failed\n")


def test_a_recovery_for_another_deployment_that_is_stopped_is_made_up_for(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("sleep", 'case $1 in 0.*) ;; *) set 0.2 ;; esac; exec {sleep} "$1"')
    cut_off(nixos, activation_timeout=10)
    script = nixos.path(f"{old}/bin/switch-to-configuration")
    script.write_text(
        script.read_text().replace("test)", 'test) [ -e "$root/once" ] || { : >"$root/once"; sleep 0.9; sleep 0.9; };')
    )
    new = nixos.request(nixos.system("nixos-new"))
    thread = nixos.deploying(new)
    wait_for(nixos.path("/once").exists)
    lock = (nixos.live / "lock").readlink().as_posix()
    os.kill(int(lock.partition("pid=")[2].split()[0]), signal.SIGSTOP)
    thread.join(60)
    assert nixos.whole_as == whole(str(new.closure))
    assert nixos.calls == ["test slow", "test old", "test old", "test new", "boot new"]


def test_who_starts_the_recovery_of_another_goes_on_where_it_was(nixos: NixOS, stuck: str) -> None:
    nixos.path("/run/systemd/system").mkdir(parents=True)
    nixos.replace_tool("systemd-run", "exit 1")
    request = awaiting(nixos)
    killed(nixos, request)
    assert nixos.deploy(nixos.system("nixos-next")).outcome == "activated"
    assert not nixos.tool("outcome").exists()


def test_what_is_left_to_the_deployment_before_is_left_to_it_by_who_starts_anew_as_well(
    nixos: NixOS, stuck: str
) -> None:
    first = not_back(nixos)
    second = nixos.request(nixos.system("nixos-bad", trouble="sleep 1; exit 2"), lock_timeout=600)
    run = nixos.state / "runs" / second.id
    both = 'kill -9 "$(ps -o ppid= -p "$PPID" | tr -d " ")" "$PPID"; exit 1'
    nixos.replace_tool(
        "mv", f'case "$*" in */acting-*) [ ! -s "{run}/outcome" ] || {{ {both}; }} ;; esac; exec {{mv}} "$@"'
    )
    thread = nixos.start(second)
    # As systemd has it, which starts this again.
    program = Path(shutil.copy(run / "program", nixos.path("/program")))
    thread.join()
    assert (run / "outcome").read_text().startswith("outcome=rolled_back\n")
    (mark,) = nixos.live.glob("acting-*system")
    assert mark.readlink().as_posix().split()[0] == second.id
    nixos.replace_tool("mv", 'exec {mv} "$@"')
    nixos.program(program, "recover")
    assert mark.readlink().as_posix().split()[0] == first.id
