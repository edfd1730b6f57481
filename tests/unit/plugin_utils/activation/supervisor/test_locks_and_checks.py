# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The system's own lock is waited for, and its own checks are asked before anything is touched and never on the way back."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import threading
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import failure
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import CONFIRMED, confirm, deploy

from .interrupting import STATE, awaiting
from .nixos import RUNNING, NixOS, wait_for, whole

LOCKED = 'echo "Could not acquire lock" >&2; exit 11'
LOCKED_ONCE = f'[ -e "$root/tried" ] || {{ : > "$root/tried"; {LOCKED}; }}'
NIXOS_LOCK = "/run/nixos/switch-to-configuration.lock"


def test_a_lock_that_the_check_meets_is_waited_for(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", check=LOCKED_ONCE)
    assert nixos.deploy(new, lock_timeout=30).outcome == "activated"
    assert nixos.whole_as == whole(new)


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_lock_that_stays_is_told_when_the_time_for_it_is_over_and_nothing_is_touched(
    nixos: NixOS, old: str, seconds: int
) -> None:
    answer = nixos.deploy(nixos.system("nixos-new", check=LOCKED), lock_timeout=seconds)
    assert (answer.outcome, answer.code, bool(answer.advice)) == ("refused", "locked", True)
    assert nixos.calls == []
    assert nixos.whole_as == whole(old)
    assert not (nixos.live / "lock").is_symlink()


def test_the_holder_of_the_lock_is_named(nixos: NixOS, old: str) -> None:
    with held(nixos):
        answer = nixos.deploy(nixos.system("nixos-new"), lock_timeout=1)
    assert (answer.outcome, f"process {os.getpid()} " in answer.cause) == ("refused", True)
    assert nixos.calls == []


def test_the_holder_of_the_lock_is_waited_for(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    with held(nixos) as lock:
        release = threading.Timer(1, fcntl.flock, (lock, fcntl.LOCK_UN))
        release.start()
        assert nixos.deploy(new, lock_timeout=60).outcome == "activated"
    assert nixos.whole_as == whole(new)


def test_a_lock_that_nobody_holds_is_no_lock(nixos: NixOS, old: str) -> None:
    nixos.path(NIXOS_LOCK).parent.mkdir()
    nixos.path(NIXOS_LOCK).touch()
    # Somebody holds another.
    with nixos.path("/another").open("w") as another:
        fcntl.flock(another, fcntl.LOCK_EX)
        assert nixos.deploy(nixos.system("nixos-new")).outcome == "activated"


def held(nixos: NixOS) -> t.IO[str]:
    """Hold NixOS's own lock until the file is closed."""
    file = nixos.path(NIXOS_LOCK)
    file.parent.mkdir()
    lock = file.open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def test_who_is_told_to_stop_while_it_waits_for_the_lock_touches_nothing(nixos: NixOS, old: str) -> None:
    asked = nixos.request(nixos.system("nixos-new"), lock_timeout=600)
    with held(nixos):
        thread = nixos.deploying(asked)
        wait_for((nixos.live / "lock").is_symlink)
        os.kill(nixos.supervisor_of(asked), 15)
        thread.join(20)
        assert not thread.is_alive()
    assert deploy(nixos, asked).outcome == "refused"
    assert nixos.calls == []


def test_who_is_told_to_stop_while_the_system_checks_itself_is_not_said_to_be_refused_by_it(
    nixos: NixOS, old: str
) -> None:
    stop = 'kill "$(readlink /var/lib/nix.fleet/runs/*/worker | cut -d " " -f 1)"; sleep 9'
    answer = nixos.deploy(nixos.system("nixos-new", check=stop))
    assert (answer.outcome, "told to stop" in answer.cause) == ("refused", True)


def test_a_lock_that_the_activation_meets_is_waited_for(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", trouble=LOCKED_ONCE)
    assert nixos.deploy(new).outcome == "activated"
    assert nixos.calls == ["test new", "test new", "boot new"]
    assert nixos.whole_as == whole(new)


def test_a_lock_that_the_boot_loader_meets_after_the_confirmation_is_waited_for(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", loading=LOCKED_ONCE)
    request = awaiting(nixos, new)
    assert confirm(nixos, request.id, CONFIRMED, 60).outcome == "confirmed"
    assert nixos.whole_as == whole(new)


def test_a_lock_that_is_never_free_ends_an_activation_after_its_time(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-new", trouble=LOCKED), activation_timeout=2)
    assert (answer.outcome, NIXOS_LOCK in answer.cause) == ("rolled_back", True)
    assert nixos.calls == ["test new", "test new", "test old"]
    assert nixos.whole_as == whole(old)


def test_who_is_told_to_stop_while_an_activation_waits_for_the_lock_goes_back(nixos: NixOS, old: str) -> None:
    asked = nixos.request(nixos.system("nixos-new", trouble=LOCKED))
    thread = nixos.start(asked)
    wait_for(lambda: len(nixos.calls) > 1)
    os.kill(nixos.supervisor_of(asked), 15)
    wait_for(lambda: bool(nixos.journal))
    thread.join()
    assert nixos.journal[-1]["outcome"] == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_a_lock_that_is_met_on_the_way_back_is_waited_for_without_an_end(nixos: NixOS) -> None:
    nixos.hurry()
    three_times = f'echo >> "$root/tried"; [ "$(wc -l < "$root/tried")" -gt 3 ] || {{ {LOCKED}; }}'
    old = nixos.system("nixos-old", trouble=three_times)
    nixos.install(nixos.system("nixos-first"), old)
    assert nixos.deploy(nixos.system("nixos-bad", trouble="exit 2"), activation_timeout=2).outcome == "rolled_back"
    assert nixos.calls == ["test bad", *["test old"] * 4]
    assert nixos.whole_as == whole(old)


def test_a_lock_that_the_boot_loader_meets_on_the_way_back_is_waited_for(nixos: NixOS) -> None:
    old = nixos.system("nixos-old", loading=LOCKED_ONCE)
    nixos.install(nixos.system("nixos-first"), old)
    assert nixos.deploy(nixos.system("nixos-bad", loading="exit 1")).outcome == "rolled_back"
    assert nixos.calls == ["test bad", "boot bad", "boot old", "boot old", "test old"]
    assert nixos.whole_as == whole(old)


def test_the_exit_code_of_a_lock_without_its_words_is_another_failure(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", trouble="echo no logind; exit 11"))
    assert (answer.outcome, NIXOS_LOCK in answer.cause) == ("rolled_back", False)
    assert nixos.calls == ["test bad", "test old"]


def test_the_words_of_an_earlier_step_are_not_taken_for_those_of_the_next(nixos: NixOS, old: str) -> None:
    bad = nixos.system("nixos-bad", trouble=f'[ -e "$root/tried" ] && exit 2; {LOCKED_ONCE}')
    assert nixos.deploy(bad).outcome == "rolled_back"
    assert nixos.calls == ["test bad", "test bad", "test old"]


def test_another_deployment_is_waited_for_until_it_has_ended(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    with subprocess.Popen([shutil.which("sleep") or "sleep", "1.5"]) as other:
        nixos.hold_lock(other.pid)
        # What nobody waits for is dead all the same.
        assert nixos.deploy(new, lock_timeout=60).outcome == "activated"
    assert nixos.whole_as == whole(new)


def test_another_deployment_that_does_not_end_in_time_is_named(nixos: NixOS, old: str) -> None:
    nixos.hold_lock(os.getpid())
    answer = nixos.deploy(nixos.system("nixos-new"), lock_timeout=1)
    assert (answer.outcome, answer.code, "bob@desk" in answer.cause) == ("refused", "locked", True)
    assert nixos.calls == []


REFUSES = "echo 'dbus-implementation: dbus -> broker'; exit 1"


def test_what_the_system_has_against_it_is_told_and_nothing_is_touched(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-new", check=REFUSES))
    assert (answer.outcome, answer.code) == ("refused", None)
    assert "dbus-implementation: dbus -> broker" in answer.cause
    assert "deploy_no_check" in (answer.advice or "")
    assert nixos.calls == []
    assert nixos.whole_as == whole(old)
    assert not (nixos.live / "lock").is_symlink()
    assert sorted(nixos.generations("/nix/var/nix/profiles/system")) == [1, 2]


@pytest.mark.parametrize("tools", [["awk"], ["find"], ["grep"], ["sed"], ["ps", "setsid"]], ids=" ".join)
def test_a_machine_without_a_program_that_the_way_back_takes_is_refused(
    nixos: NixOS, old: str, tools: list[str]
) -> None:
    for tool in tools:
        nixos.tool(tool).unlink()
    answer = nixos.deploy(nixos.system("nixos-new"))
    assert (answer.outcome, answer.cause.endswith(f": {' or '.join(tools)}")) == ("refused", True)
    assert nixos.calls == []


def test_check_mode_shows_what_the_system_has_against_it(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-new", check=REFUSES), check=True)
    assert (answer.outcome, "dbus -> broker" in answer.cause) == ("refused", True)
    assert failure("x", answer).log == ""


def test_check_mode_takes_a_lock_for_no_problem(nixos: NixOS, old: str) -> None:
    assert nixos.deploy(nixos.system("nixos-new", check=LOCKED), check=True).outcome == "activated"


@pytest.mark.parametrize("wanted", [{"goal": "boot"}, {"no_check": True}], ids=["boot", "no_check"])
@pytest.mark.parametrize("check", [False, True], ids=["deploy", "check"])
def test_what_takes_effect_by_a_reboot_or_is_wanted_all_the_same_is_not_checked(
    nixos: NixOS, old: str, wanted: dict[str, t.Any], check: bool
) -> None:
    new = nixos.system("nixos-new", check=REFUSES)
    assert nixos.deploy(new, check=check, **wanted).outcome == "activated"


@pytest.mark.parametrize(("no_check", "told"), [(False, "0"), (True, "1")])
def test_the_system_is_told_whether_to_check_itself(nixos: NixOS, old: str, no_check: bool, told: str) -> None:
    note = 'echo "$1 $NIXOS_NO_CHECK" >> "$root/told"'
    nixos.deploy(nixos.system("nixos-new", trouble=note, loading=note), no_check=no_check)
    assert nixos.path("/told").read_text().splitlines() == [f"test {told}", f"boot {told}"]


def test_a_system_of_before_there_was_a_check_is_not_refused(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", check='echo "Usage: $0 [switch|boot|test|dry-activate]" >&2; exit 1')
    assert nixos.deploy(new).outcome == "activated"
    assert nixos.whole_as == whole(new)


def test_the_way_back_asks_for_no_check(nixos: NixOS) -> None:
    checked = '[ "$NIXOS_NO_CHECK" = 1 ] || exit 1'
    old = nixos.system("nixos-old", trouble=checked, loading=checked, check="exit 1")
    nixos.install(nixos.system("nixos-first"), old)
    assert nixos.deploy(nixos.system("nixos-bad", loading="exit 1")).outcome == "rolled_back"
    assert nixos.calls == ["test bad", "boot bad", "boot old", "test old"]
    assert nixos.whole_as == whole(old)


def test_units_that_may_be_a_failed_activation_script_are_not_taken_for_failed_units(nixos: NixOS, old: str) -> None:
    # As on a full disk: what would tell is lost.
    lost = f'log=$(echo {STATE}/runs/*/log); rm "$log"; mkdir "$log"; ln -sfn "$self" "{RUNNING}"; exit 4'
    assert nixos.deploy(nixos.system("nixos-bad", trouble=lost)).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize(
    "words",
    ["Failed to run activate script", "Activation script snippet 'users' failed (1)"],
    ids=["script", "snippet"],
)
def test_a_failed_activation_script_is_not_taken_for_failed_units(nixos: NixOS, old: str, words: str) -> None:
    answer = nixos.deploy(nixos.system("nixos-bad", afterwards=f'echo "{words}"; exit 4'))
    assert (answer.outcome, answer.status) == ("rolled_back", "failed")
    assert nixos.whole_as == whole(old)


def test_failed_units_of_users_are_named(nixos: NixOS, old: str) -> None:
    words = "echo 'warning: the following user units failed: a.service'; echo 'error: user activation for bob failed'; exit 4"
    answer = nixos.deploy(nixos.system("nixos-new", afterwards=words))
    assert (answer.outcome, answer.units_failed) == ("activated", ("a.service", "user-activation@bob"))


def test_a_system_that_cannot_be_switched_to_is_named_with_the_way_there(nixos: NixOS, old: str) -> None:
    answer = nixos.deploy(nixos.closure("nixos-new", nixos_version=""))
    assert (answer.outcome, "system.switch.enable" in answer.cause) == ("refused", True)
    assert "reboot" in (answer.advice or "")
    assert nixos.whole_as == whole(old)


def test_the_words_of_a_lock_in_an_activation_script_that_failed_are_another_failure(nixos: NixOS, old: str) -> None:
    bad = nixos.system("nixos-bad", trouble="echo Could not acquire lock; exit 2")
    assert nixos.deploy(bad, activation_timeout=5).outcome == "rolled_back"
    assert nixos.calls == ["test bad", "test old"]


def test_what_the_holder_of_the_lock_writes_for_the_boot_loader_is_left_to_it(nixos: NixOS, old: str) -> None:
    waits = ': > "$root/loading"; until [ -e "$root/go" ]; do sleep 0.05; done; : > "/boot/loader/loader.tmp"; exit 1'
    thread = nixos.start(nixos.request(nixos.system("nixos-bad", loading=waits)))
    wait_for(nixos.path("/loading").exists)
    with held(nixos):
        nixos.path("/go").touch()
        thread.join()
    assert nixos.whole_as == whole(old)
    assert nixos.path("/boot/loader/loader.tmp").exists()
