# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task's result tells the truth about the machine, and fails when the machine is not what was asked for."""

from __future__ import annotations

import pathlib
import types
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_activate import ActionModule
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible import action as shared
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible import activation
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.bounded import EndlessAnswerError, NoAnswerError
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.shell import AnswerBrokeOffError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import ActivationError, NixError
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.closure_diff import closure_diff
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.store import StorePathInfo
from ansible_collections.nix.fleet.plugins.plugin_utils.report.progress import ProgressPipe

from .answering import Shell

OLD = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-nixos-old"
NEW = "/nix/store/1123456789abcdfghijklmnpqrsvwxyz-nixos-new"
STANDING = f"closure={NEW}\nprevious_running={OLD}\nrunning={NEW}\ngeneration=2\n"


def perform(
    answer: str | Shell, *, check: bool = False, diff: bool = False, strategy: str = "host_pinned", **given: t.Any
) -> dict[str, t.Any]:
    """Run the action against a target that answers ``answer``."""

    class Action(ActionModule):
        shell = questions = answer if isinstance(answer, Shell) else Shell(answer)
        check_mode = check
        diff_mode = diff
        play_host = host = "vps"

        def shell_within(self, seconds: float | None) -> t.Any:
            assert seconds is not None
            return self.shell

    options = {name: option.get("default") for name, option in ActionModule.argument_spec.items()}
    action = Action.__new__(Action)
    action.variables = {"ansible_play_batch": ["vps", "web"]}
    action._task = t.cast("t.Any", types.SimpleNamespace(get_play=lambda: types.SimpleNamespace(strategy=strategy)))
    return action.perform({**options, "closure": NEW, **given})


def test_an_activation_is_a_change() -> None:
    result = perform(f"outcome=activated\n{STANDING}")
    assert (result["changed"], result["outcome"], result["running"], result["generation"]) == (
        True,
        "activated",
        NEW,
        2,
    )


def test_nothing_to_do_is_no_change() -> None:
    assert perform(f"outcome=unchanged\n{STANDING}")["changed"] is False


@pytest.mark.parametrize(
    ("outcome", "given", "words"),
    [
        ("activated", {}, "nixos-new runs now and is the default, generation 1 → 2"),
        ("activated", {"goal": "boot"}, "nixos-new is the default from now on, generation 1 → 2"),
        ("activated", {"goal": "test"}, "nixos-new runs now, generation 1 → 2"),
        ("activated", {"check": True}, "nixos-new would run and be the default"),
        ("unchanged", {}, "nixos-new runs already and is the default, generation 1 → 2"),
        ("unchanged", {"goal": "dry-activate"}, "nixos-new is not on the machine yet, where it could be tried"),
    ],
)
def test_the_message_says_what_became_of_the_machine(outcome: str, given: dict[str, t.Any], words: str) -> None:
    assert perform(f"outcome={outcome}\nprevious_generation=1\n{STANDING}", **given)["msg"] == words


def test_a_success_and_a_failure_name_the_deployment() -> None:
    assert perform(f"outcome=activated\n{STANDING}")["id"]
    for answer, seconds in ((FAILED_UNITS, 9), ("", 9), ("outcome=refused\n", 9), ("", 0)):
        with pytest.raises(ActivationError) as raised:
            perform(answer, activation_timeout=seconds)
        assert raised.value.details["id"]


def test_a_failure_says_where_the_whole_log_is() -> None:
    with pytest.raises(ActivationError) as raised:
        perform(f"outcome=rolled_back\n{STANDING}log_file=/var/lib/nix.fleet/runs/1/log\n")
    assert (raised.value.advice or "").endswith("the whole log is on the target: /var/lib/nix.fleet/runs/1/log")


@pytest.mark.parametrize(
    ("outcome", "changed", "words"),
    [
        ("rolled_back", True, "the disk is full; the machine is back on the system it ran before"),
        ("rollback_failed", True, "FAILED too"),
        ("failed", True, "the disk is full"),
        ("refused", False, "the disk is full"),
    ],
)
def test_what_did_not_end_well_fails_with_the_cause_and_all_fields(outcome: str, changed: bool, words: str) -> None:
    with pytest.raises(ActivationError) as raised:
        perform(f"outcome={outcome}\ncause=the disk is full\n{STANDING}log=last words")
    result = raised.value.to_result()
    assert words in raised.value.cause
    assert (result["outcome"], result["changed"], result["log"]) == (outcome, changed, "last words")
    assert result["previous"]["running"] == OLD


FAILED_UNITS = f"outcome=activated\nunits_failed=a.service, b.service\n{STANDING}"


def test_failed_units_fail_the_host_by_name() -> None:
    with pytest.raises(ActivationError) as raised:
        perform(FAILED_UNITS)
    assert "these units failed: a.service, b.service" in raised.value.cause
    assert raised.value.details["outcome"] == "activated"


def test_failed_units_take_nothing_from_the_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activation, "changes", lambda *_given, **_named: closure_diff([], [StorePathInfo(NEW, 9)]))
    with pytest.raises(ActivationError) as raised:
        perform(FAILED_UNITS, diff=True)
    assert "nixos-new" in raised.value.details["diff"]["prepared"]
    assert raised.value.details["closure_diff"]["paths_after"] == 1


def test_failed_units_that_are_to_be_ignored_are_a_warning() -> None:
    result = perform(FAILED_UNITS, failed_units="ignore")
    assert "a.service, b.service" in result["warnings"][0]


def test_a_dry_run_that_fails_fails_the_host() -> None:
    with pytest.raises(ActivationError, match="exit code 3"):
        perform("outcome=unchanged\nexit_code=3\n", goal="dry-activate")


def test_a_difference_that_cannot_be_had_never_stops_a_deployment() -> None:
    assert "diff" not in perform(f"outcome=activated\n{STANDING}", diff=True, source_host="localhost")


@pytest.mark.parametrize(
    ("strategy", "warned"),
    [("linear", True), ("free", False), ("host_pinned", False), ("ansible.builtin.free", False)],
)
def test_a_verdict_that_waits_for_other_hosts_is_warned_of(strategy: str, warned: bool) -> None:
    result = perform(f"outcome=awaiting\n{STANDING}", strategy=strategy, confirm="later")
    assert any("waits for every other host" in text for text in result.get("warnings", ())) is warned


def test_a_machine_that_has_nothing_to_do_is_sent_the_short_question_alone() -> None:
    shell = Shell(f"outcome=unchanged\n{STANDING}")
    result = perform(shell)
    assert (result["changed"], result["outcome"], len(shell.scripts)) == (False, "unchanged", 1)
    assert "supervisor_main" not in shell.scripts[0]


def test_asking_only_begins_nothing() -> None:
    shell = Shell("outcome=needed\n")
    result = perform(shell, ask="only")
    assert (result["changed"], result["outcome"], len(shell.scripts)) == (False, "needed", 1)


@pytest.mark.parametrize("error", [EndlessAnswerError, NoAnswerError])
@pytest.mark.parametrize("ask", ["first", "only"])
def test_a_machine_that_says_too_much_or_nothing_is_not_asked_again(error: type[NixError], ask: str) -> None:
    shell = Shell(error("it was cut off", host="vps"))
    with pytest.raises(error):
        perform(shell, ask=ask)
    assert len(shell.scripts) == 1


def test_what_else_is_wrong_with_an_answer_is_for_the_program_to_find_out() -> None:
    shell = Shell(AnswerBrokeOffError("the machine's answer broke off in the middle", host="vps"))
    assert perform(shell, ask="only")["outcome"] == "needed"


def test_asking_only_returns_what_was_asked_for() -> None:
    result = perform("outcome=needed\n", ask="only", goal="boot")
    assert (result["goal"], result["rollback"]) == ("boot", None)
    assert result["id"]
    assert result["run"]


def test_while_it_asks_only_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr(shared, "progress_pipe", lambda: tmp_path / "pipe")
    pipe = ProgressPipe(tmp_path / "pipe")
    perform("outcome=needed\n", ask="only")
    assert [progress.text for progress in pipe.read()] == ["asking what it runs"]
    pipe.close()


def test_asking_only_says_that_nothing_is_left_to_copy_where_anything_ever_is() -> None:
    answer = f"outcome=unchanged\n{STANDING}"
    assert perform(answer, ask="only")["copied_bytes"] == 0
    assert "copied_bytes" not in perform(answer, ask="only", source_host="vps")
    assert "copied_bytes" not in perform(answer)


def test_whoever_has_asked_before_is_not_asked_again() -> None:
    shell = Shell(f"outcome=unchanged\n{STANDING}")
    assert perform(shell, ask="never")["outcome"] == "unchanged"
    assert "supervisor_main" in shell.scripts[0]


def test_asking_only_wants_what_was_copied_to_be_kept() -> None:
    shell = Shell("outcome=needed\n")
    perform(shell, ask="only")
    perform(shell, ask="only", source_host="vps")
    perform(shell, ask="only", check=True)
    assert [script.splitlines()[-1] for script in shell.scripts] == [
        "question_ask vps",
        "question_ask ''",
        "question_ask ''",
    ]
