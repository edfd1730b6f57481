# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that fails ends on the recorded system, and says so."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import pathlib
import signal
import time
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import deploy
from ansible_collections.nix.fleet.plugins.plugin_utils.platforms.platform import platforms

from ..machine import SHELLS
from .interrupting import is_gone
from .nixos import PROFILE, RUNNING, NixOS, wait_for, whole

NAPS = itertools.count(1000)
UNITS = 'ln -sfn "$self" "/run/current-system"; echo "warning: the following units failed: a.service, b\\\\x2dc.service"; exit 4'


@pytest.mark.parametrize("trouble", ["exit 2", "kill -9 $$", 'ln -sfn "$self" "/run/current-system"; exit 2'])
def test_a_failed_activation_returns_to_the_recorded_generation(nixos: NixOS, old: str, trouble: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", trouble=trouble))
    assert (answer.outcome, answer.now.generation) == ("rolled_back", 2)
    assert nixos.calls == ["test bad", "test old"]
    assert nixos.whole_as == whole(old)
    assert list(nixos.generations(PROFILE)) == [1, 2]


@pytest.mark.parametrize("code", [2, 4])
def test_the_part_of_an_activation_that_failed_is_named_also_where_units_hide_it(
    nixos: NixOS, old: str, code: int
) -> None:
    trouble = (
        f"""echo "Activation script snippet 'users' failed (1)"; echo "Failed to run activate script"; exit {code}"""
    )
    answer = nixos.deploy(nixos.system("nixos-bad", trouble=trouble))
    assert (answer.outcome, "users" in answer.cause) == ("rolled_back", True)


def test_after_a_rollback_the_next_deployment_is_an_ordinary_one(nixos: NixOS, old: str) -> None:
    nixos.deploy(nixos.system("nixos-bad", trouble="exit 2"))
    assert nixos.deploy(old).outcome == "unchanged"
    new = nixos.system("nixos-new")
    assert nixos.deploy(new).outcome == "activated"
    assert nixos.whole_as == whole(new)


def test_a_boot_loader_that_cannot_be_written_takes_everything_back(nixos: NixOS, old: str) -> None:
    bad = nixos.system("nixos-bad", loading="exit 1")
    answer = nixos.deploy(bad)
    assert answer.outcome == "rolled_back"
    assert nixos.calls == ["test bad", "boot bad", "boot old", "test old"]
    assert nixos.whole_as == whole(old)
    assert list(nixos.generations(PROFILE)) == [1, 2]


def test_a_failed_goal_boot_is_taken_back_without_touching_what_runs(nixos: NixOS, old: str) -> None:
    bad = nixos.system("nixos-bad", loading="exit 1")
    assert nixos.deploy(bad, goal="boot").outcome == "rolled_back"
    assert nixos.calls == ["boot bad", "boot old"]
    assert nixos.whole_as == whole(old)
    assert nixos.deploy(old).outcome == "unchanged"


def test_a_profile_that_cannot_be_set_takes_the_activation_back(nixos: NixOS, old: str) -> None:
    nixos.path(f"{PROFILE}.broken").touch()
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert answer.outcome == "rolled_back"
    assert "No space left on device" in answer.log
    assert "boot new" not in nixos.calls
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize("leader", ["setsid", "perl"])
def test_what_an_activation_has_started_goes_on_no_longer_when_that_is_killed(
    nixos: NixOS, old: str, leader: str
) -> None:
    if leader == "perl":  # as on a Mac
        nixos.tool("setsid").rename(nixos.path("/setsid"))
        nixos.replace_tool("perl", 'exec {perl} "$@"')
    goes_on = f'kill -KILL "$PPID"; sleep 1; ln -sfn "$self" "{RUNNING}"; : > "$root/went-on"'
    assert nixos.deploy(nixos.system("nixos-bad", trouble=goes_on)).outcome == "rolled_back"
    # Longer than it would have taken.
    time.sleep(1.5)
    assert not nixos.path("/went-on").exists()
    assert nixos.whole_as == whole(old)


@pytest.fixture
def macs_tools(nixos: NixOS) -> None:
    """Perl makes process groups, and nothing else does."""
    nixos.tool("setsid").unlink()
    nixos.replace_tool("perl", 'exec {perl} "$@"')


@pytest.mark.usefixtures("macs_tools")
def test_on_a_mac_what_hangs_in_a_group_of_its_own_is_ended_as_well(nixos: NixOS, old: str) -> None:
    nap = a_nap_of_its_own()
    apart = f"perl -e 'setpgrp; exec @ARGV' sleep {nap}"
    answer = nixos.deploy(nixos.system("nixos-bad", trouble=f"{apart} & sleep {nap}"), activation_timeout=1)
    assert (answer.outcome, nixos.whole_as) == ("rolled_back", whole(old))
    assert not [command for command in processes() if nap in command]


@pytest.mark.usefixtures("macs_tools")
def test_on_a_mac_a_locale_that_it_lacks_is_no_word_of_a_step(nixos: NixOS, old: str) -> None:
    nixos.environment["LC_ALL"] = "xx_YY"
    # What a step itself starts is told as without us.
    answer = nixos.deploy(nixos.system("nixos-bad", trouble='echo "${PERL_BADLANG-unset}"; exit 2'))
    assert ("perl: warning" in answer.log, "unset" in answer.log) == (False, True)


def test_an_activation_that_hangs_is_ended_with_all_it_started(nixos: NixOS, old: str) -> None:
    nap = a_nap_of_its_own()
    answer = nixos.deploy(nixos.system("nixos-bad", trouble=f"sleep {nap} & sleep {nap}"), activation_timeout=1)
    assert (answer.outcome, answer.exit_code) == ("rolled_back", 124)
    assert "had not ended after 1 s" in answer.cause
    assert nixos.whole_as == whole(old)
    assert not [command for command in processes() if nap in command]


@pytest.mark.parametrize("shell", SHELLS)
def test_without_setsid_all_that_hangs_is_ended_as_well(tmp_path: pathlib.Path, shell: str) -> None:
    machine = NixOS(tmp_path, shell, uid=0, setsid=False)
    old = machine.system("nixos-old")
    machine.install(old)
    nap = a_nap_of_its_own()
    answer = machine.deploy(machine.system("nixos-bad", trouble=f"sleep {nap} & sleep {nap}"), activation_timeout=1)
    assert (answer.outcome, machine.whole_as) == ("rolled_back", whole(old))
    assert not [command for command in processes() if nap in command]


def test_a_rollback_that_fails_too_says_so(nixos: NixOS) -> None:
    first, fragile = nixos.system("nixos-first"), nixos.system("nixos-fragile", trouble="exit 2")
    nixos.install(first, fragile)
    assert nixos.deploy(nixos.system("nixos-bad", trouble="exit 2")).outcome == "rollback_failed"


def test_without_rollback_the_machine_stays_and_the_next_deployment_does_not_call_it_unchanged(
    nixos: NixOS, old: str
) -> None:
    broken = nixos.system(
        "nixos-broken", trouble='[ -e "$root/repaired" ] || { ln -sfn "$self" "/run/current-system"; exit 2; }'
    )
    assert nixos.deploy(broken, rollback_on_failure=False).outcome == "failed"
    nixos.link(PROFILE, broken)
    nixos.path("/repaired").touch()
    assert nixos.deploy(broken).outcome == "activated"
    assert nixos.deploy(broken).outcome == "unchanged"


def test_what_only_systemctl_says_to_have_failed_is_named_once(nixos: NixOS, old: str) -> None:
    says = "echo 'Job for b.service failed.'; echo 'Job for a.service failed because of it.'"
    answer = nixos.deploy(nixos.system("nixos-new", trouble=f"{says}; {UNITS}"))
    assert answer.units_failed == ("b.service", "a.service", r"b\x2dc.service")


def test_failed_units_leave_the_new_system_and_are_named(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", trouble=UNITS)
    answer = nixos.deploy(new)
    assert (answer.outcome, answer.units_failed) == ("activated", ("a.service", r"b\x2dc.service"))
    assert nixos.whole_as == whole(new)
    assert nixos.journal[-1]["units_failed"] == ["a.service", r"b\x2dc.service"]


NAMELESS = 'ln -sfn "$self" "/run/current-system"; echo "one of them could not be reloaded"; exit 4'


def test_units_that_fail_without_their_names_are_failed_units_all_the_same(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", trouble=NAMELESS)
    answer = nixos.deploy(new)
    assert (answer.outcome, answer.units_failed) == ("activated", ())
    assert answer.failed_units == "units failed, and the log may tell which"
    assert nixos.deploy(new).outcome == "activated"
    assert nixos.calls == ["test new", "boot new"] * 2
    assert nixos.deploy(new, failed_units="rollback", install_bootloader=True).outcome == "failed"


def test_the_journal_answers_for_units_that_failed_without_their_names(nixos: NixOS, old: str) -> None:
    first = nixos.request(nixos.system("nixos-new", trouble=NAMELESS))
    deploy(nixos, first)
    nixos.deploy(nixos.system("nixos-b"))
    answer = deploy(nixos, first)
    assert (answer.outcome, answer.failed_units) == ("activated", "units failed, and the log may tell which")


def test_a_system_with_failed_units_is_tried_again(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", trouble=UNITS)
    nixos.deploy(new)
    assert nixos.deploy(new).outcome == "activated"
    assert nixos.calls == ["test new", "boot new"] * 2


def test_a_way_back_on_which_units_fail_is_tried_again_by_the_next_deployment(nixos: NixOS) -> None:
    old = nixos.system("nixos-old", afterwards="echo 'warning: the following units failed: a.service'; exit 4")
    nixos.install(nixos.system("nixos-first"), old)
    assert nixos.deploy(nixos.system("nixos-bad", trouble="exit 2")).outcome == "rolled_back"
    assert nixos.deploy(old).outcome == "activated"


def test_units_that_fail_on_the_way_back_of_what_nobody_confirmed_are_started_once_more(nixos: NixOS) -> None:
    nixos.hurry()
    once = (
        '[ ! -e "$root/failed" ] || exit 0; : >"$root/failed"; echo "the following units failed: sshd.service"; exit 4'
    )
    old = nixos.system("nixos-old", afterwards=once)
    nixos.install(old)
    nixos.deploy(nixos.system("nixos-bad"), confirm_timeout=1)
    wait_for(lambda: bool(nixos.journal))
    assert nixos.calls == ["test bad", "test old", "test old"]
    assert (nixos.journal[0]["outcome"], "sshd" in nixos.journal[0]["cause"]) == ("rolled_back", False)


def test_a_way_back_that_activates_nothing_makes_nothing_whole(nixos: NixOS) -> None:
    site: dict[str, t.Any] = {
        "platform": platforms()["custom"],
        "profile": "/nix/var/nix/profiles/site",
        "program": "activate",
    }
    half = nixos.closure("site-half", activate="[ -e @root@/repaired ]")
    assert nixos.deploy(nixos.closure("site-old", activate=":"), **site).outcome == "activated"
    assert nixos.deploy(half, **site, rollback_on_failure=False).outcome == "failed"
    nixos.path("/nix/var/nix/profiles/site.broken").touch()
    assert nixos.deploy(nixos.closure("site-new", activate=":"), **site).outcome == "rolled_back"
    nixos.path("/repaired").touch()
    assert nixos.deploy(half, **site).outcome == "activated"


def test_failed_units_return_to_the_recorded_system_when_that_is_wanted(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-new", trouble=UNITS), failed_units="rollback")
    assert (answer.outcome, answer.units_failed[0]) == ("rolled_back", "a.service")
    assert nixos.whole_as == whole(old)


def test_goal_test_of_a_system_that_only_a_reboot_brings_fails(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-new", trouble="exit 100"), goal="test")
    assert (answer.outcome, "reboot" in answer.cause) == ("rolled_back", True)


def test_an_activation_that_lies_about_its_success_is_found_out(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", afterwards="rm /run/current-system"))
    assert (answer.outcome, "what runs is" in answer.cause) == ("rolled_back", True)
    assert nixos.whole_as == whole(old)


def test_a_first_deployment_that_fails_leaves_no_profile_and_the_system_that_ran(nixos: NixOS) -> None:
    stray = nixos.system("nixos-installer")
    nixos.link(RUNNING, stray)
    bad = nixos.system("nixos-bad", loading="exit 1")
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert nixos.whole_as == (stray, None, "installer")
    assert nixos.generations(PROFILE) == {}


def test_a_first_deployment_that_fails_where_nothing_ran_has_nothing_to_return_to(nixos: NixOS) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", loading="exit 1"))
    assert (answer.outcome, "no other system" in answer.cause) == ("failed", True)


def test_a_generation_of_somebody_else_s_is_not_taken_away(nixos: NixOS) -> None:
    nixos.hurry()
    manual = nixos.system("nixos-manual")
    nixos.link(RUNNING, nixos.system("nixos-installer"))
    other = f'ln -s "{nixos.here(manual)}" "{PROFILE}-9-link"; ln -sfn system-9-link "{PROFILE}"'
    nixos.deploy(nixos.system("nixos-bad", loading=f"{other}; exit 1"))
    assert (nixos.standing(PROFILE), nixos.generations(PROFILE)) == (manual, {9: manual})


def test_newer_generations_of_others_stay(nixos: NixOS, old: str) -> None:
    manual = nixos.system("nixos-manual")
    bad = nixos.system("nixos-bad", loading=f'ln -s "{nixos.here(manual)}" "{PROFILE}-9-link"; exit 1')
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert sorted(nixos.generations(PROFILE)) == [1, 2, 9]
    assert nixos.whole_as == whole(old)


def test_a_generation_that_is_gone_is_put_back_without_nix(nixos: NixOS, old: str) -> None:
    gone = f'rm "{PROFILE}-2-link"; : > "{PROFILE}.broken"; exit 1'
    assert nixos.deploy(nixos.system("nixos-bad", loading=gone)).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)
    assert nixos.generations(PROFILE)[2] == old


def test_a_number_that_is_another_s_by_now_is_left_to_it_on_the_way_back(nixos: NixOS, old: str) -> None:
    other = nixos.system("nixos-other")
    given = f'ln -sfn "{other}" "{PROFILE}-2-link"; exit 1'
    assert nixos.deploy(nixos.system("nixos-bad", loading=given)).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)
    assert nixos.generations(PROFILE)[2] == other


def test_nix_on_droid_goes_back_by_the_generation_it_came_from(nixos: NixOS) -> None:
    droid: dict[str, t.Any] = {"platform": platforms()["nix-on-droid"], "profile": "/nix/var/nix/profiles/nix-on-droid"}
    itself = 'nix-env --profile "/nix/var/nix/profiles/nix-on-droid" --set "$(readlink "$self" || echo "$self")"'
    note = f'self=${{0%/activate}}; echo "${{0##*/profiles/}}" >> @root@/calls; {itself}'
    assert nixos.deploy(nixos.closure("droid-1", activate=note), **droid).outcome == "activated"
    answer = nixos.deploy(nixos.closure("droid-2", activate=f"{note}; exit 1"), **droid)
    assert answer.outcome == "rolled_back"
    # From the closure itself, it would make a new one.
    assert nixos.calls[-1] == "nix-on-droid-1-link/activate"


@pytest.mark.parametrize("broken", ['export A="', "exit 1", "sleep 1000", "A=$(sleep 1000)"])
def test_a_phone_goes_back_though_what_its_login_reads_is_broken_by_then(nixos: NixOS, broken: str) -> None:
    droid: dict[str, t.Any] = {"platform": platforms()["nix-on-droid"], "profile": "/nix/var/nix/profiles/nix-on-droid"}
    session = nixos.home / ".nix-profile/etc/profile.d/nix-on-droid-session-init.sh"
    session.parent.mkdir(parents=True)
    itself = 'nix-env --profile "/nix/var/nix/profiles/nix-on-droid" --set "$(readlink "${0%/activate}" || echo "${0%/activate}")"'
    assert nixos.deploy(nixos.closure("droid-1", activate=itself), **droid).outcome == "activated"
    breaks = f"{itself}; echo '{broken}' > '{session}'; exit 1"
    nixos.replace_tool("sleep", 'case $1 in 0.*) set 0.001 ;; esac; exec {sleep} "$1"')
    assert nixos.deploy(nixos.closure("droid-2", activate=breaks), **droid).outcome == "rolled_back"


@pytest.mark.parametrize("settings", ["NIX_CONF_DIR", "NIX_USER_CONF_FILES"])
def test_a_phone_whose_settings_stop_every_nix_is_gone_back_from(nixos: NixOS, settings: str) -> None:
    droid: dict[str, t.Any] = {"platform": platforms()["nix-on-droid"], "profile": "/nix/var/nix/profiles/nix-on-droid"}
    nixos.stop_nix(settings, f'test -e "{nixos.root}/unreadable"')
    itself = 'nix-env --profile "/nix/var/nix/profiles/nix-on-droid" --set "$(readlink "${0%/activate}" || echo "${0%/activate}")"'
    assert nixos.deploy(nixos.closure("droid-1", activate=itself), **droid).outcome == "activated"
    bad = nixos.closure("droid-2", activate=f"{itself}; : > @root@/unreadable; exit 1")
    assert nixos.deploy(bad, **droid).outcome == "rolled_back"


def test_what_an_activation_has_stopped_that_hangs_on_the_way_back_is_started(nixos: NixOS) -> None:
    lists = "mkdir -p /run/nixos; echo sshd.service > /run/nixos/start-list; echo web.service > /run/nixos/restart-list"
    old = nixos.system("nixos-old", afterwards=f'[ ! -e "$root/broken" ] || {{ {lists}; sleep 1000; }}')
    nixos.install(nixos.system("nixos-first"), old)
    nixos.replace_tool("systemctl", f'echo "$*" >> {nixos.root}/asked')
    answer = nixos.deploy(nixos.system("nixos-bad", trouble='touch "$root/broken"; exit 2'), activation_timeout=2)
    assert (answer.outcome, answer.now.running) == ("rollback_failed", old)
    asked = nixos.path("/asked").read_text()
    assert "start --no-block sshd.service\nrestart --no-block web.service\nstart --no-block default.target\n" in asked
    nixos.path("/broken").unlink()
    wait_for(lambda: [entry["outcome"] for entry in nixos.journal] == ["rollback_failed", "rolled_back"])


def test_a_profile_that_another_tool_linked_is_put_back_as_it_was(nixos: NixOS) -> None:
    old = nixos.system("nixos-old")
    nixos.link(RUNNING, old)
    nixos.link(PROFILE, old)
    bad = nixos.system("nixos-bad", loading="exit 1")
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert nixos.there(str(nixos.path(PROFILE).readlink())) == old
    assert nixos.whole_as == whole(old)


def test_what_fails_again_is_not_returned_to(nixos: NixOS) -> None:
    only = nixos.system("nixos-only", trouble='[ ! -e "$root/broken" ] || exit 2')
    nixos.install(only)
    nixos.link(RUNNING, nixos.system("nixos-stray"))
    nixos.deploy(only)
    nixos.path("/broken").touch()
    answer = nixos.deploy(only, install_bootloader=True)
    assert (answer.outcome, "no other system" in answer.cause) == ("failed", True)
    assert nixos.whole_as == whole(only)


def test_who_is_told_to_stop_while_it_goes_back_goes_back_all_the_same(nixos: NixOS) -> None:
    slow_back = 'echo $$ > "$root/step"; until [ -e "$root/go" ]; do sleep 0.05; done'
    old = nixos.system("nixos-old", trouble=slow_back)
    nixos.install(nixos.system("nixos-first"), old)
    asked = nixos.request(nixos.system("nixos-bad", trouble="exit 2"))
    thread = nixos.start(asked)
    wait_for(lambda: nixos.calls == ["test bad", "test old"] and nixos.path("/step").exists())
    os.kill(nixos.supervisor_of(asked), signal.SIGTERM)
    # So long that it has noticed.
    time.sleep(1)
    nixos.path("/go").touch()
    thread.join()
    assert deploy(nixos, asked).outcome == "rolled_back"
    assert nixos.calls == ["test bad", "test old"]
    assert nixos.whole_as == whole(old)


def test_rollback_goes_to_the_generation_before_and_once_more(nixos: NixOS) -> None:
    systems = [nixos.system(f"nixos-{name}") for name in ("a", "b", "c")]
    nixos.install(*systems)
    assert nixos.deploy(rollback="previous").outcome == "activated"
    assert nixos.whole_as == whole(systems[1])
    assert nixos.deploy(rollback="previous").now.generation == 1
    assert nixos.whole_as == whole(systems[0])
    answer = nixos.deploy(rollback="previous")
    assert (answer.outcome, "no generation to return to" in answer.cause) == ("refused", True)
    assert "1 2 3" in (answer.advice or "")


def test_rollback_to_a_generation_of_ones_choice(nixos: NixOS) -> None:
    systems = [nixos.system(f"nixos-{name}") for name in ("a", "b", "c")]
    nixos.install(*systems)
    assert nixos.deploy(rollback="1").now.generation == 1
    assert nixos.deploy(rollback="3").now.generation == 3
    assert nixos.deploy(rollback="3").outcome == "unchanged"
    assert nixos.deploy(rollback="9").outcome == "refused"
    assert len(nixos.generations(PROFILE)) == 3


def test_another_generation_of_what_runs_already_is_nothing_to_do(nixos: NixOS) -> None:
    a, b = nixos.system("nixos-a"), nixos.system("nixos-b")
    nixos.install(a, b, a)
    answer = nixos.deploy(rollback="1")
    assert (answer.outcome, answer.cause) == ("unchanged", "")


def test_a_rollback_that_fails_returns_to_where_it_came_from(nixos: NixOS) -> None:
    bad, good = nixos.system("nixos-bad", trouble="exit 2"), nixos.system("nixos-good")
    nixos.install(bad, good)
    assert nixos.deploy(rollback="previous").outcome == "rolled_back"
    assert nixos.whole_as == whole(good)
    assert nixos.generations(PROFILE) == {1: bad, 2: good}


def a_nap_of_its_own() -> str:
    """Return how long to sleep, as nothing else on this machine does."""
    return f"313.{os.getpid()}{next(NAPS)}"


def processes() -> list[str]:
    """Return the command line of every process that there is."""
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(file.read_text())
    return found


def test_an_activation_that_heeds_no_signal_is_ended_too(nixos: NixOS, old: str) -> None:
    # Each pause is a short one, and counts as what it says.
    nixos.replace_tool("sleep", 'case $1 in 0.*) exec {sleep} 0.01 ;; *) exec {sleep} "$1" ;; esac')
    bad = nixos.system("nixos-bad", trouble='trap "" TERM; echo $$ > "$root/step"; sleep 1000')
    assert nixos.deploy(bad, activation_timeout=3).outcome == "rolled_back"
    step = int(nixos.path("/step").read_text())
    wait_for(lambda: not pathlib.Path(f"/proc/{step}/cmdline").exists())
    assert nixos.whole_as == whole(old)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to trace a process of others")
@pytest.mark.parametrize("told", [False, True], ids=["too slow", "told to stop"])
def test_an_activation_that_not_even_a_kill_ends_is_not_waited_for(nixos: NixOS, old: str, *, told: bool) -> None:
    nixos.replace_tool("sleep", 'case $1 in 0.*) exec {sleep} 0.05 ;; *) exec {sleep} "$1" ;; esac')
    stuck = nixos.system("nixos-stuck", trouble=': > "$root/step"; [ -e "$root/go" ] || sleep 1000')
    request = nixos.request(stuck, activation_timeout=600 if told else 10)
    thread = nixos.start(request)
    wait_for(nixos.path("/step").exists)
    step = int((nixos.live / f"step-{request.id}").read_text().removeprefix("step=").split()[0])
    # As what waits for a disk inside the kernel: what is traced is there until its tracer has looked.
    seize, wait_for_all = 0x4206, 0x40000000
    assert ctypes.CDLL(None).ptrace(seize, step, 0, 0) == 0
    if told:
        os.kill(nixos.supervisor_of(request), signal.SIGTERM)
    wait_for(lambda: is_gone(step))
    # For what only takes a moment, it waits.
    time.sleep(0.5)
    assert nixos.calls == ["test stuck"]
    wait_for(lambda: nixos.whole_as == whole(old) and nixos.journal != [], 30)
    assert nixos.journal[-1]["outcome"] == "rolled_back"
    assert os.waitpid(step, wait_for_all)[0] == step
    thread.join()


@pytest.mark.parametrize("call", range(1, 9))
def test_one_look_at_the_profile_that_is_killed_costs_nothing_of_what_is_gone_back_to(
    nixos: NixOS, old: str, call: int
) -> None:
    count = f'echo >> "{nixos.path("/looks")}"; [ "$(wc -l < "{nixos.path("/looks")}")" -ne {call} ] || kill -KILL $$'
    nixos.replace_tool("readlink", f'case "$*" in "{nixos.here(PROFILE)}") {count} ;; esac; exec {{readlink}} "$@"')
    outcome = nixos.deploy(nixos.system("nixos-bad", trouble=f'ln -sfn "$self" "{PROFILE}"; exit 2')).outcome
    assert (outcome, nixos.whole_as) == ("rolled_back", whole(old))


def test_a_file_system_that_cannot_be_mounted_leaves_no_machine_in_emergency_mode(nixos: NixOS, old: str) -> None:
    nixos.replace_tool(
        "systemctl",
        f"""cd "{nixos.root}"
        case $* in
            is-system-running) [ ! -e emergency ] || echo maintenance ;;
            *ignore-requirements*) touch bus ;;
            'is-active default.target') [ ! -e stopped ] || echo inactive ;;
            'start sockets.target '*default.target) [ -e bus ] && rm -f emergency stopped ;;
        esac""",
    )
    trouble = 'touch "$root/emergency" "$root/stopped"; echo "warning: the following units failed: mnt.mount"; exit 4'
    bad = nixos.system("nixos-bad", afterwards=trouble)
    answer = nixos.deploy(bad)
    assert (answer.outcome, nixos.path("/stopped").exists()) == ("rolled_back", False)
    assert nixos.whole_as == whole(old)


def test_users_and_passwords_that_a_system_has_taken_away_are_back(nixos: NixOS, old: str) -> None:
    files = {
        "/etc/passwd": "root:x:0:0::/root:/bin/sh\nmade:x:1001:100::/home/made:/bin/sh\n",
        "/etc/shadow": "root:$6$a:1::::::\nmade:$6$x:1::::::\n",
        "/etc/group": "wheel:x:1:made\n",
        "/var/lib/nixos/declarative-users": "alice",
    }
    for name, text in files.items():
        nixos.path(name).parent.mkdir(parents=True, exist_ok=True)
        nixos.path(name).write_text(text)
    nixos.path("/etc/shadow").chmod(0o640)
    taken = """for file in passwd shadow group; do echo "root:!:" >"@root@/etc/$file"; done
        echo "alice made" >"@root@/var/lib/nixos/declarative-users"; exit 2"""
    assert nixos.deploy(nixos.system("nixos-bad", trouble=taken)).outcome == "rolled_back"
    assert {name: nixos.path(name).read_text() for name in files} == files
    assert nixos.path("/etc/shadow").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in nixos.path("/etc").iterdir() if path.is_file()) == ["group", "passwd", "shadow"]
    assert not list(nixos.live.glob("kept-*"))


@pytest.mark.parametrize("copied", [True, False])
def test_a_file_of_the_hosts_own_that_a_system_has_written_over_is_back(
    nixos: NixOS, old: str, *, copied: bool
) -> None:
    key = nixos.path("/etc/ssh/key")
    key.parent.mkdir(parents=True)
    key.write_text("own\n")
    key.chmod(0o600)
    over = "rm {0}; echo other >{0}; echo ssh/key >>@root@/etc/.clean" if copied else "ln -sfn / {0}"
    bad = nixos.system("nixos-bad", trouble=f"{over.format(key)}; exit 2", etc__ssh__key="")
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert (key.is_symlink(), key.read_text(), key.stat().st_mode & 0o777) == (False, "own\n", 0o600)
    assert "ssh/key" not in "".join(path.read_text() for path in nixos.path("/etc").glob(".clean"))


def test_what_nixos_itself_has_in_etc_is_none_of_the_hosts_own(nixos: NixOS, old: str) -> None:
    bad = nixos.system("nixos-bad", trouble="echo other >@root@/etc/sudoers; exit 2", etc__sudoers="")
    own = nixos.system("nixos-own", etc__sudoers="")
    nixos.install(own)
    nixos.path("/etc").mkdir(exist_ok=True)
    nixos.path("/etc/sudoers").write_text("own")
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert nixos.path("/etc/sudoers").read_text() == "other\n"


def test_a_password_that_is_changed_after_it_was_put_back_stays(nixos: NixOS, old: str) -> None:
    nixos.path("/etc").mkdir(exist_ok=True)
    shadow = nixos.path("/etc/shadow")
    shadow.write_text("root:old:\n")
    nixos.hurry()
    later = '[ -e @root@/n ] || { touch @root@/n; echo "root:new:" >@root@/etc/shadow; exit 2; }'
    again = nixos.system("nixos-again", trouble=later)
    nixos.install(again)
    nixos.deploy(nixos.system("nixos-bad", trouble='echo "root:!:" >@root@/etc/shadow; exit 2'))
    wait_for(lambda: not (nixos.live / "lock").is_symlink())
    assert shadow.read_text() == "root:new:\n"


def test_a_machine_whose_default_target_was_not_reached_is_back(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("systemctl", "case $1 in is-system-running) echo degraded ;; is-active) echo inactive ;; esac")
    answer = nixos.deploy(nixos.system("nixos-bad", trouble="exit 2"), activation_timeout=4)
    assert (answer.outcome, answer.cause.count("124")) == ("rolled_back", 0)


# What a killed `cp`, or a full disk, leaves of the copies at a place, the first time or each time.
HALF = """{{cp}} "$@"; code=$?; [ -e "{root}/{mark}" ] || for file in {where}; do
    [ ! -e "$file" ] || {{ {leaves}; : >"{root}/{mark}"; }}
done; exit $code"""


def cut_copies(nixos: NixOS, where: str, *, leaves: str = 'echo half >"$file"', mark: str = "cut") -> None:
    nixos.replace_tool("cp", HALF.format(root=nixos.root, where=where, leaves=leaves, mark=mark))


@pytest.fixture
def shadow(nixos: NixOS, old: str) -> pathlib.Path:
    file = nixos.path("/etc/shadow")
    file.parent.mkdir()
    file.write_text("root:$6$a:1::::::\nmade:$6$x:1::::::\n")
    file.chmod(0o640)
    return file


LOCKS_OUT = 'echo "root:!:" >"@root@/etc/shadow"; exit 2'


@pytest.mark.parametrize("leaves", ['echo half >"$file"', 'chmod 600 "$file"', 'rm "$file"'])
@pytest.mark.parametrize("where", ["kept", "put back"])
def test_what_is_copied_in_part_is_copied_again(
    nixos: NixOS, old: str, shadow: pathlib.Path, where: str, leaves: str
) -> None:
    nixos.hurry()
    text = shadow.read_text()
    places = {"kept": f"{nixos.live}/kept-*{nixos.root}/etc/shadow*", "put back": f"{shadow}.fleet"}
    cut_copies(nixos, places[where], leaves=leaves)
    nixos.deploy(nixos.system("nixos-bad", trouble=LOCKS_OUT))
    wait_for(lambda: not (nixos.live / "lock").is_symlink())
    # The machine may be back before anybody has asked how the first time ended.
    *first, last = [(entry["outcome"], "/etc/shadow" in entry["cause"]) for entry in nixos.journal]
    assert first == ([("rollback_failed", True)] if where == "put back" else [])
    assert last[0] == "rolled_back"
    assert (shadow.read_text(), shadow.stat().st_mode & 0o777) == (text, 0o640)
    assert [path.name for path in shadow.parent.iterdir() if path.is_file()] == ["shadow"]


def test_where_a_file_cannot_be_kept_whole_nothing_is_touched(nixos: NixOS, old: str, shadow: pathlib.Path) -> None:
    nixos.hurry()
    cut_copies(nixos, f"{nixos.live}/kept-*{shadow}*", mark="never/")
    answer = nixos.deploy(nixos.system("nixos-bad", trouble=LOCKS_OUT))
    assert (answer.outcome, "/etc/shadow" in answer.cause) == ("refused", True)
    assert nixos.calls == []
    assert not list(nixos.live.glob("kept-*"))


def test_where_a_systems_files_cannot_be_listed_nothing_is_touched(nixos: NixOS, old: str) -> None:
    nixos.replace_tool("find", 'case "$*" in */etc/*-printf*) kill -9 $$ ;; esac; exec {find} "$@"')
    bad = nixos.system("nixos-bad", etc__ssh__key="")
    answer = nixos.deploy(bad)
    assert (answer.outcome, f"{bad}/etc" in answer.cause) == ("refused", True)
    assert nixos.calls == []


def test_the_list_of_nixos_own_copies_is_whole_or_as_it_was(nixos: NixOS, old: str) -> None:
    nixos.hurry()
    key, copies = nixos.path("/etc/ssh/key"), nixos.path("/etc/.clean")
    key.parent.mkdir(parents=True)
    key.write_text("own\n")
    cut = f'[ -e "{nixos.root}/cut" ] || {{ : >"{nixos.root}/cut"; echo fi; kill -9 $$; }}'
    nixos.replace_tool("grep", f'case "$*" in -vxF*/etc/.clean) {cut} ;; esac; exec {{grep}} "$@"')
    over = f"echo other >{key}; printf 'first\\nssh/key\\nlast\\n' >{copies}; exit 2"
    answer = nixos.deploy(nixos.system("nixos-bad", trouble=over, etc__ssh__key=""))
    assert (answer.outcome, copies.read_text()) == ("rollback_failed", "first\nssh/key\nlast\n")
    wait_for(lambda: not (nixos.live / "lock").is_symlink())
    assert (key.read_text(), copies.read_text()) == ("own\n", "first\nlast\n")


def test_a_look_at_the_machine_that_was_cut_off_does_not_tell_that_it_is_not_back(nixos: NixOS, old: str) -> None:
    # What asks for it is killed, and so is what asks again.
    cut = (
        'grep -q "test old" @root@/calls && for look in 1 2; do mkdir @root@/look-$look 2>/dev/null && kill -9 $$; done'
    )
    nixos.replace_tool("readlink", nixos.here(f'case $1 in {RUNNING}) {cut} ;; esac; exec {{readlink}} "$@"'))
    assert nixos.deploy(nixos.system("nixos-bad", trouble="exit 2")).outcome == "rolled_back"
