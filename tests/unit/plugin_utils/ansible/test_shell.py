# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A script travels to a machine in one piece, and its answer is told from the noise around it."""

from __future__ import annotations

import subprocess
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.shell import (
    AnswerBrokeOffError,
    ConnectionShell,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError


def execute(command: str, data: bytes) -> dict[str, t.Any]:
    """Run a command line as a connection would, with a shell."""
    done = subprocess.run(["sh", "-c", command], input=data, capture_output=True, check=False)
    return {"rc": done.returncode, "stdout": done.stdout.decode(), "stderr": done.stderr.decode()}


def noisy(command: str, data: bytes) -> dict[str, t.Any]:
    """Be a login shell that greets and says goodbye."""
    answer = execute(command, data)
    return {**answer, "stdout": f"Welcome!\n{answer['stdout']}\nbye\n"}


@pytest.fixture
def shell() -> ConnectionShell:
    return ConnectionShell("vps-1", execute)


def test_arguments_arrive_unchanged_whatever_they_contain(shell: ConnectionShell) -> None:
    hostile = "a b'c\"d$(touch x)`id`;\nend"
    assert shell.run('printf %s "$1"', hostile).stdout == hostile


def test_the_exit_code_is_the_scripts_own(shell: ConnectionShell) -> None:
    assert shell.run("exit 4").rc == 4


def test_output_is_kept_to_the_byte(shell: ConnectionShell) -> None:
    assert shell.run("printf 'no newline'").stdout == "no newline"
    assert shell.run("echo line").stdout == "line\n"
    assert shell.run(":").stdout == ""


def test_what_the_login_shell_prints_is_not_part_of_the_output() -> None:
    assert ConnectionShell("vps-1", noisy).run("echo answer; echo $?").stdout == "answer\n0\n"


def test_a_script_that_reads_standard_input_does_not_eat_the_rest_of_itself(shell: ConnectionShell) -> None:
    assert shell.run("cat; echo after").stdout == "after\n"


def test_nix_is_found_where_it_usually_lives(shell: ConnectionShell) -> None:
    assert "/nix/var/nix/profiles/default/bin" in shell.run('echo "$PATH"').stdout


def test_a_machine_that_does_not_run_the_script_is_an_error_that_names_it() -> None:
    shell = ConnectionShell("vps-1", lambda command, data: {"rc": 1, "stdout": "", "stderr": "account is disabled"})
    with pytest.raises(NixError, match=r"vps-1: nix: .*\naccount is disabled"):
        shell.run(":")


def test_a_script_that_began_and_did_not_end_is_an_answer_that_broke_off() -> None:
    def killed(command: str, data: bytes) -> dict[str, t.Any]:
        stdout = execute(command, data)["stdout"]
        return {"rc": 137, "stdout": stdout[: stdout.index("first") + 6], "stderr": "Killed"}

    with pytest.raises(AnswerBrokeOffError) as raised:
        ConnectionShell("vps-1", killed).run("echo first; echo second")
    assert raised.value.log.split() == ["first", "Killed"]
    assert raised.value.details == {"rc": 137}


@pytest.mark.parametrize("script", ["if", "echo 'open"])
def test_a_script_that_no_shell_can_read_never_began(shell: ConnectionShell, script: str) -> None:
    with pytest.raises(NixError, match="did not run") as raised:
        shell.run(script)
    assert not isinstance(raised.value, AnswerBrokeOffError)
