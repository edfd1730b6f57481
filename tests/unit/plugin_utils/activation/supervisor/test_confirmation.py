# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs stays only when the other side says in time that it should."""

from __future__ import annotations

import os
import re
import signal
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.deployment import (
    CONFIRMED,
    Confirmation,
    cancelled,
    confirm,
    deploy,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.activation.info import info_script, parse_info

from .interrupting import awaiting, children_of, cut_down, guard_of
from .nixos import PROFILE, RUNNING, NixOS, wait_for, whole

if t.TYPE_CHECKING:
    from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import Answer
    from ansible_collections.nix.fleet.plugins.plugin_utils.activation.request import Request


def end(nixos: NixOS, request: Request, confirmation: Confirmation = CONFIRMED) -> Answer:
    return confirm(nixos, request.id, confirmation, 60)


def test_while_a_confirmation_is_awaited_the_new_system_runs_and_the_old_one_boots(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    request = nixos.request(new, confirm_timeout=20)
    answer = deploy(nixos, request)
    assert (answer.outcome, answer.previous.generation, answer.previous.running) == ("awaiting", 2, old)
    assert (answer.closure, answer.now.running) == (new, new)
    assert nixos.whole_as == (new, old, "old")
    end(nixos, request)


def test_whoever_comes_meanwhile_is_told_for_how_long_it_is_awaited(nixos: NixOS, old: str) -> None:
    request = awaiting(nixos, confirm_timeout=600)
    other = nixos.deploy(nixos.system("nixos-other"))
    assert (other.outcome, other.code) == ("refused", "locked")
    assert re.search(r"awaits its confirmation for (59\d|600) s", other.cause)
    lock = parse_info(nixos.run(info_script("nixos", None, 0)).stdout)["lock"]
    assert 590 <= lock["awaits_seconds"] <= 600
    end(nixos, request)


def test_whoever_comes_long_after_its_time_is_told_that_it_does_not_answer(nixos: NixOS, old: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"))
    supervisor, lock = nixos.supervisor_of(request), nixos.live / "lock"
    os.kill(supervisor, signal.SIGSTOP)
    record = lock.readlink().as_posix()
    lock.unlink()
    lock.symlink_to(re.sub("until=[0-9]+", "until=1", record))
    other = nixos.deploy(nixos.system("nixos-other"))
    lock.unlink()
    lock.symlink_to(record)
    os.kill(supervisor, signal.SIGCONT)
    assert other.code == "locked"
    assert "does not answer" in other.cause
    assert f"kill -CONT {supervisor}" in (other.advice or "")
    assert end(nixos, request).outcome == "confirmed"


def test_a_confirmed_system_becomes_the_default_and_stays(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    answer = end(nixos, awaiting(nixos, new))
    assert (answer.outcome, answer.previous.generation, answer.now.generation) == ("confirmed", 2, 3)
    assert nixos.whole_as == whole(new)
    assert nixos.journal[-1]["outcome"] == "confirmed"
    assert nixos.deploy(new, confirm_timeout=20).outcome == "unchanged"


def test_a_rejected_system_is_left_at_once_and_the_reason_is_kept(nixos: NixOS, old: str) -> None:
    answer = end(nixos, awaiting(nixos, nixos.system("nixos-new")), cancelled("the shop is\n'closed' $(touch x)"))
    assert (answer.outcome, answer.cause) == ("rolled_back", "it was cancelled: the shop is 'closed' $(touch x)")
    assert nixos.journal[-1]["cause"] == answer.cause
    assert nixos.whole_as == whole(old)
    assert nixos.calls == ["test new", "test old"]


def test_without_a_confirmation_in_time_it_goes_back_and_one_that_comes_too_late_is_told_so(
    nixos: NixOS, old: str
) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"), confirm_timeout=1)
    wait_for(lambda: bool(nixos.journal))
    answer = end(nixos, request)
    assert (answer.outcome, answer.confirmation_taken) == ("rolled_back", False)
    assert "nobody confirmed" in answer.cause
    assert [entry["outcome"] for entry in nixos.journal] == ["rolled_back"]
    assert nixos.whole_as == whole(old)
    assert sorted(nixos.generations(PROFILE)) == [1, 2]


def test_of_two_confirmations_the_first_counts(nixos: NixOS, old: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"))
    assert end(nixos, request).confirmation_taken
    answer = end(nixos, request, cancelled("too late"))
    assert (answer.outcome, answer.confirmation_taken) == ("confirmed", False)
    assert nixos.whole_as == whole(str(request.closure))


def test_a_confirmation_on_a_deployment_that_is_not_known_is_refused(nixos: NixOS, old: str) -> None:
    answer = confirm(nixos, "deployment-0", CONFIRMED, 60)
    assert (answer.outcome, answer.cause) == ("refused", "this machine knows of no deployment deployment-0")


def test_an_older_deployment_is_still_known_to_the_journal(nixos: NixOS, old: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-a"))
    end(nixos, request)
    nixos.deploy(nixos.system("nixos-b"))
    assert end(nixos, request).outcome == "confirmed"


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM])
def test_a_supervisor_that_is_ended_while_it_waits_goes_back_and_a_confirmation_is_too_late(
    nixos: NixOS, old: str, ended_by: signal.Signals
) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"))
    os.kill(nixos.supervisor_of(request), ended_by)
    wait_for(lambda: bool(nixos.journal))
    assert nixos.journal[-1]["outcome"] == "rolled_back"
    assert nixos.whole_as == whole(old)
    answer = end(nixos, request)
    assert (answer.outcome, answer.confirmation_taken) == ("rolled_back", False)


def test_a_supervisor_killed_in_the_moment_it_is_seen_to_wait_is_not_lost_sight_of(nixos: NixOS, old: str) -> None:
    # Who looks a second time finds it dead.
    nixos.replace_tool(
        "readlink",
        f"""out=$({{readlink}} "$@") || exit
            printf '%s\\n' "$out"
            case $out in *phase=awaiting*) ;; *) exit ;; esac
            mkdir {nixos.path("/seen")} 2>/dev/null || kill -KILL "$(printf '%s\\n' "$out" | sed -n s/^pid=//p)" """,
    )
    request = awaiting(nixos, nixos.system("nixos-new"))
    assert end(nixos, request).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_the_same_script_again_finds_the_deployment_still_waiting(nixos: NixOS, old: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"))
    assert deploy(nixos, request).outcome == "awaiting"
    assert nixos.calls == ["test new"]
    end(nixos, request)


def test_without_a_rollback_on_failure_an_unconfirmed_system_goes_back_all_the_same(nixos: NixOS, old: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"), rollback_on_failure=False)
    assert end(nixos, request, cancelled("no")).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


@pytest.mark.parametrize("confirmation", [None, cancelled("no")])
def test_nor_does_it_stay_when_the_supervisor_is_killed_before_it_went_back(
    nixos: NixOS, old: str, confirmation: Confirmation | None
) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"), rollback_on_failure=False)
    os.kill(nixos.supervisor_of(request), signal.SIGSTOP)
    if confirmation:
        (nixos.state / "runs" / request.id / "confirmation").symlink_to(confirmation.status)
    os.kill(nixos.supervisor_of(request), signal.SIGKILL)
    wait_for(lambda: bool(nixos.journal))
    assert nixos.journal[-1]["outcome"] == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_nor_is_it_of_an_unknown_deployment_where_its_directory_is_hidden_by_then(nixos: NixOS, old: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"))
    guard = guard_of(nixos, request)
    cut_down([guard, *children_of(guard)])
    nixos.state.rename(nixos.path("/hidden"))
    assert end(nixos, request).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_a_goal_that_activates_nothing_is_not_asked_about(nixos: NixOS, old: str) -> None:
    assert nixos.deploy(nixos.system("nixos-new"), goal="boot", confirm_timeout=20).outcome == "activated"
    assert nixos.deploy(nixos.system("nixos-new"), goal="dry-activate", confirm_timeout=20).outcome == "unchanged"


def test_goal_test_is_asked_about_and_changes_no_default(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    assert end(nixos, awaiting(nixos, new, goal="test")).outcome == "confirmed"
    assert nixos.whole_as == (new, old, "old")


def test_failed_units_are_told_with_the_end(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new", afterwards="echo 'warning: the following units failed: web.service'; exit 4")
    answer = end(nixos, awaiting(nixos, new))
    assert (answer.outcome, answer.units_failed) == ("confirmed", ("web.service",))
    assert nixos.whole_as == whole(new)


def test_a_first_system_that_nobody_confirms_has_nothing_to_return_to(nixos: NixOS) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"))
    answer = end(nixos, request, cancelled("no"))
    assert (answer.outcome, "no other system to return to" in answer.cause) == ("failed", True)


def test_nothing_is_left_of_a_confirmed_deployment_but_its_log(nixos: NixOS, old: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"))
    end(nixos, request)
    assert sorted(path.name for path in nixos.state.iterdir()) == ["journal.jsonl", "runs"]
    assert not (nixos.state / "runs" / request.id / "reserve").exists()


@pytest.mark.parametrize("goal", ["switch", "test"])
def test_what_does_not_run_any_more_when_it_is_confirmed_does_not_stay(nixos: NixOS, old: str, goal: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"), goal=goal)
    nixos.link(RUNNING, old)
    answer = end(nixos, request)
    assert (answer.outcome, "what runs is" in answer.cause) == ("rolled_back", True)
    assert nixos.whole_as == whole(old)


def test_what_others_have_made_of_the_machine_is_not_undone_by_a_confirmation(nixos: NixOS, old: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"))
    other = nixos.system("nixos-other")
    nixos.link(f"{PROFILE}-7-link", other)
    nixos.link(PROFILE, "system-7-link")
    nixos.link(RUNNING, other)
    nixos.load(other)
    assert end(nixos, request).outcome == "superseded"
    assert nixos.whole_as == whole(other)


def test_what_others_activate_while_a_boot_loader_is_written_is_not_said_to_be_ours(nixos: NixOS, old: str) -> None:
    other = nixos.system("nixos-other")
    new = nixos.system("nixos-new", loading=f'ln -sfn "{other}" "{RUNNING}"')
    answer = end(nixos, awaiting(nixos, new))
    assert (answer.outcome, answer.now.running) == ("superseded", other)
    assert nixos.whole_as == (other, new, "new")


def test_nobody_is_asked_to_confirm_what_does_not_run(nixos: NixOS, old: str) -> None:
    bad = nixos.system("nixos-bad", trouble="exit 0")
    assert nixos.deploy(bad, confirm_timeout=600).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_a_rejection_is_taken_back_by_nobody(nixos: NixOS, old: str) -> None:
    request = awaiting(nixos, nixos.system("nixos-new"))
    # In the moment after it was heard.
    nixos.replace_tool("mv", f'case "$*" in *" {nixos.live}/lock") kill -USR1 "$PPID" ;; esac; exec {{mv}} "$@"')
    assert end(nixos, request, cancelled("no")).outcome == "rolled_back"
    assert nixos.whole_as == whole(old)


def test_who_is_killed_when_all_has_been_done_is_not_made_up_for(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    request = awaiting(nixos, new)
    nixos.replace_tool("rm", 'case "$*" in *./worker*) kill -KILL "$PPID" ;; esac; exec {rm} "$@"')
    assert end(nixos, request).outcome == "confirmed"
    wait_for(lambda: not (nixos.live / "lock").is_symlink())
    assert nixos.whole_as == whole(new)
    assert [entry["outcome"] for entry in nixos.journal] == ["confirmed"]


def test_who_comes_late_to_finish_what_was_confirmed_undoes_nothing(nixos: NixOS, old: str) -> None:
    new = nixos.system("nixos-new")
    request = awaiting(nixos, new)
    program = nixos.state / "runs" / request.id / "program"
    text = program.read_text()
    end(nixos, request)
    program.write_text(text)
    nixos.program(request, "recover")
    assert nixos.whole_as == whole(new)
    assert [entry["outcome"] for entry in nixos.journal] == ["confirmed"]
