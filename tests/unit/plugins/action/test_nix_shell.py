# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a command is that of ansible.builtin.command, and what is no command is refused before a machine is asked."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.action.nix_shell import ActionModule, _command, _not_run, _result
from ansible_collections.nix.fleet.plugins.plugin_utils.adhoc.command import Command, NotRun, Ran
from ansible_collections.nix.fleet.plugins.plugin_utils.errors import CommandError

USUAL: dict[str, t.Any] = {
    **dict.fromkeys(["cmd", "argv", "package", "chdir", "creates", "removes", "stdin", "timeout"]),
    "stdin_add_newline": True,
    "allow_disk": False,
    "strip_empty_ends": True,
    "nix_options": {},
}


def options(**given: t.Any) -> dict[str, t.Any]:
    """Return the options of a task that gives these."""
    return {**USUAL, **given}


def test_what_went_well_has_changed_something_and_no_message() -> None:
    result = _result(options(cmd="x"), Ran(0, "a\n\nb\r\n\n", ""))
    assert (result["changed"], result["failed"], result["msg"]) == (True, False, "")
    assert (result["stdout"], result["stdout_lines"], result["stderr_lines"]) == ("a\n\nb", ["a", "", "b"], [])
    assert _result(options(cmd="x", strip_empty_ends=False), Ran(0, "a\n\n", ""))["stdout"] == "a\n\n"


def test_an_exit_code_that_is_not_0_and_a_late_end_are_failures() -> None:
    assert _result(options(cmd="x"), Ran(4, "", ""))["msg"] == "non-zero return code"
    late = _result(options(cmd="x", timeout=5), Ran(143, "", "", late=True))
    assert (late["failed"], late["rc"], late["msg"]) == (True, 143, "no end after 5 s, so it was ended")


@pytest.mark.parametrize(
    ("given", "reason", "changed", "skipped"),
    [
        ({}, "would", False, True),
        ({"creates": "/x"}, "would", True, False),
        ({"removes": "/x"}, "would", True, False),
        ({"creates": "/x"}, "created", False, False),
        ({"removes": "/x"}, "removed", False, False),
    ],
)
def test_what_is_not_run_is_skipped_or_says_what_it_would_have_changed(
    given: dict[str, str], reason: t.Any, changed: bool, skipped: bool
) -> None:
    result = _not_run(options(cmd="x", **given), NotRun(reason))
    assert (result["changed"], result["skipped"], result["rc"]) == (changed, skipped, 0)


def test_a_line_is_for_sh_and_words_are_words() -> None:
    assert _command(options(cmd="a b")).words == ("sh", "-c", "a b")
    assert _command(options(argv=["a b", ""])).words == ("a b", "")
    assert _command(options(package="nixpkgs#htop")).words == ()


def test_input_ends_with_a_line_break_unless_it_is_not_to() -> None:
    assert _command(options(cmd="x", stdin="a")).stdin == "a\n"
    assert _command(options(cmd="x", stdin="a", stdin_add_newline=False)).stdin == "a"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"cmd": " "}, "there is no command"),
        ({"argv": []}, "there is no command"),
        ({"argv": [""]}, "there is no command"),
        ({"argv": ["a\0b"]}, "null character"),
        ({"cmd": "x", "stdin": "\0"}, "null character"),
        ({"package": "htop"}, "htop is not a package"),
        ({"package": "--help"}, "--help is not a package"),
    ],
)
def test_what_is_no_command_is_refused(given: dict[str, t.Any], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        _command(options(**given))


@pytest.mark.parametrize(
    ("stdin", "accepted", "allowed"), [(None, False, True), ("secret", False, False), ("secret", True, True)]
)
def test_what_a_command_reads_comes_to_no_disk_unless_that_is_accepted(
    stdin: str | None, accepted: bool, allowed: bool
) -> None:
    asked: list[bool] = []

    class Asked(ActionModule):
        def __init__(self) -> None:
            """Stand alone: nothing of Ansible's is asked for."""

        def shell_for_secrets(self, seconds: float | None, *, allow_disk: bool) -> t.NoReturn:
            asked.append(allow_disk)
            raise CommandError("nobody is there")

    with pytest.raises(CommandError):
        Asked()._run(Command(("true",), stdin=stdin), check=False, allow_disk=accepted)
    assert asked == [allowed]
