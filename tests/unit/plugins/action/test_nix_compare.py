# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A comparison asks a host about what was evaluated for it, and nothing where there is nothing to ask."""

from __future__ import annotations

import types
import typing as t

import pytest
from ansible.errors import AnsibleConnectionFailure

from ansible_collections.nix.fleet.plugins.action import nix_compare
from ansible_collections.nix.fleet.plugins.action.nix_compare import ActionModule
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible import activation
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.bounded import NoAnswerError
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.shell import AnswerBrokeOffError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import ActivationError, NixError
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.closure_diff import closure_diff
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.store import StorePathInfo

from .answering import Shell

CLOSURE = "/nix/store/1123456789abcdfghijklmnpqrsvwxyz-nixos-new"
UNCHANGED = f"outcome=unchanged\nclosure={CLOSURE}\nrunning={CLOSURE}\ngeneration=2\n"
EVALUATED = {"drv_path": f"{CLOSURE}.drv", "out_path": CLOSURE, "attr": "web", "changed": False, "msg": "web evaluates"}


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have the evaluation known, and return which attributes were evaluated."""
    told: list[str] = []

    def evaluated(_action: t.Any, options: dict[str, t.Any], *_given: t.Any) -> dict[str, t.Any]:
        told.append(options["attr"])
        return dict(EVALUATED)

    monkeypatch.setattr(nix_compare, "evaluated", evaluated)
    monkeypatch.setattr(nix_compare, "source_on_controller", lambda *_given: None)
    monkeypatch.setattr(nix_compare, "controller", lambda *_given: None)
    return told


def perform(
    answer: str | Exception | Shell, *, check: bool = False, diff: bool = False, **given: t.Any
) -> dict[str, t.Any]:
    """Run the action against a host that answers ``answer``."""

    class Action(ActionModule):
        questions = answer if isinstance(answer, Shell) else Shell(answer)
        check_mode = check
        diff_mode = diff
        play_host = host = "vps"

    options = {name: option.get("default") for name, option in ActionModule.argument_spec.items()}
    action = Action.__new__(Action)
    action.variables = {"ansible_play_batch": ["vps"], "hostvars": {"vps": {}, "localhost": {}, "homelab": {}}}
    action._task = t.cast("t.Any", types.SimpleNamespace())
    action._connection = t.cast("t.Any", types.SimpleNamespace(get_option=lambda _name: True))
    return action.perform({**options, "flake": ".", "attr": "web", **given})


@pytest.mark.usefixtures("evaluations")
def test_a_host_that_runs_it_already_has_what_an_activation_would_have_found() -> None:
    result = perform(UNCHANGED)
    assert (result["changed"], result["out_path"]) == (False, CLOSURE)
    activation = result["activation"]
    assert (activation["outcome"], activation["running"], activation["generation"]) == ("unchanged", CLOSURE, 2)
    assert (activation["changed"], activation["copied_bytes"]) == (False, 0)
    assert result["msg"] == "web evaluates; nixos-new runs already and is the default, generation 2"


@pytest.mark.usefixtures("evaluations")
def test_a_host_that_only_boots_it_shows_what_a_boot_will_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activation, "changes", lambda *_given, **_named: closure_diff([], [StorePathInfo(CLOSURE, 9)]))
    answer = f"outcome=unchanged\nclosure={CLOSURE}\nprevious_running={CLOSURE}-old\n"
    assert "closure_diff" in perform(answer, goal="boot", diff=True)["activation"]
    assert "closure_diff" not in perform(answer, goal="boot")["activation"]


@pytest.mark.usefixtures("evaluations")
def test_a_question_that_fails_says_that_it_was_asked() -> None:
    with pytest.raises(NoAnswerError) as raised:
        perform(NoAnswerError("it has not answered", host="vps"))
    assert "asked_seconds" in raised.value.details


@pytest.mark.usefixtures("evaluations")
def test_a_host_that_does_not_has_something_to_do() -> None:
    result = perform("outcome=needed\n")
    assert (result["changed"], result["activation"]["outcome"]) == (False, "needed")
    assert result["msg"] == "web evaluates; there is something to do"


@pytest.mark.usefixtures("evaluations")
def test_what_cannot_be_told_is_left_to_the_program_that_would_do_it() -> None:
    assert perform(AnswerBrokeOffError("half an answer"))["activation"]["outcome"] == "needed"


@pytest.mark.usefixtures("evaluations")
def test_a_host_that_cannot_be_reached_is_unreachable() -> None:
    with pytest.raises(AnsibleConnectionFailure):
        perform(AnsibleConnectionFailure("no route to host"))


@pytest.mark.usefixtures("evaluations")
@pytest.mark.parametrize("given", [{"ask": False}, {"goal": "build"}])
def test_a_host_is_asked_nothing_when_nothing_is_to_be_activated(given: dict[str, t.Any]) -> None:
    shell = Shell(UNCHANGED)
    assert perform(shell, **given)["activation"] is None
    assert shell.scripts == []


@pytest.mark.usefixtures("evaluations")
def test_a_path_that_depends_on_its_content_cannot_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EVALUATED, "out_path", None)
    shell = Shell(UNCHANGED)
    assert perform(shell)["activation"] is None
    assert shell.scripts == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"activation_timeout": -1}, "activation_timeout is not a number of seconds"),
        ({"confirm_timeout": 0}, "confirm_timeout is not a number of seconds"),
        ({"profile": "system"}, "profile is not an absolute path"),
        ({"specialisation": "a b"}, "specialisation is not a name"),
        ({"platform": "darwin", "goal": "boot"}, "darwin has no goal boot"),
        ({"source_host": "nowhere"}, "nowhere, which is to build, is not in the inventory"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_evaluated(
    given: dict[str, t.Any], words: str, evaluations: list[str]
) -> None:
    with pytest.raises(NixError, match=words):
        perform(UNCHANGED, **given)
    assert evaluations == []


def test_a_goal_that_the_platform_lacks_is_told_by_the_name_of_its_variable() -> None:
    with pytest.raises(ActivationError) as raised:
        perform(UNCHANGED, platform="darwin", goal="boot")
    assert "(deploy_goal)" in str(raised.value.advice)


@pytest.mark.usefixtures("evaluations")
def test_what_was_copied_must_be_kept_unless_the_host_builds_for_itself_or_nothing_may_change() -> None:
    shell = Shell("outcome=needed\n")
    perform(shell)
    perform(shell, source_host="vps")
    perform(shell, check=True)
    assert ["ask vps" in script or "ask 'vps" in script for script in shell.scripts] == [True, False, False]
