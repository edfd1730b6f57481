# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's shell over a connection: what a script said and how it ended, within which limits, and what a loss means."""

from __future__ import annotations

import pathlib
import subprocess
import time
import typing as t

import pytest
from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible import shell as limits
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.shell import (
    AnswerBrokeOffError,
    ConnectionShell,
    EndlessAnswerError,
    FreshLink,
    NoAnswerError,
    RenewableLink,
    bounded,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import ConnectionLostError

from ...errors import fails_with


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


def test_what_the_login_shell_prints_is_not_part_of_the_output() -> None:
    assert ConnectionShell("vps-1", noisy).run("echo answer; echo $?").stdout == "answer\n0\n"


def test_a_script_that_reads_standard_input_does_not_eat_the_rest_of_itself(shell: ConnectionShell) -> None:
    assert shell.run("cat; echo after").stdout == "after\n"


def test_a_machine_that_does_not_run_the_script_is_an_error_that_names_it() -> None:
    shell = ConnectionShell("vps-1", lambda command, data: {"rc": 1, "stdout": "", "stderr": "account is disabled"})
    with fails_with("nix.not_run") as raised:
        shell.run(":")
    assert (raised.value.host, raised.value.log) == ("vps-1", "account is disabled")


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
    with fails_with("nix.not_run") as raised:
        shell.run(script)
    assert not isinstance(raised.value, AnswerBrokeOffError)


def test_what_does_not_answer_in_time_is_ended() -> None:
    began = time.monotonic()
    with fails_with("nix.no_answer"), bounded("vps-1", 0.2):
        subprocess.run(["sleep", "60"], check=False)
    assert time.monotonic() - began < 10


def test_what_does_not_listen_is_killed() -> None:
    with fails_with("nix.no_answer"), bounded("vps-1", 0.2):
        subprocess.run(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], check=False)


def test_what_answers_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_MEMORY", 16 << 20)
    with fails_with("nix.endless_answer"), bounded("vps-1"):
        subprocess.run(["yes"], capture_output=True, check=False)


def test_an_error_of_the_connection_stays_one() -> None:
    with pytest.raises(ConnectionError), bounded("vps-1", 60.0):
        raise ConnectionError


def test_children_are_known_where_the_kernel_does_not_list_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        monkeypatch.setattr(pathlib.Path, "is_dir", lambda _path: False)
        found = limits.children()
        child.kill()
    assert child.pid in found


CLOSED = "Shared connection to 192.0.2.1 closed."


class Connection:
    """A connection of Ansible's that breaks in the way that each of ``faults`` says, and then works."""

    def __init__(self, *faults: Exception | str) -> None:
        self.faults: list[Exception | str] = list(faults)

    def execute(self, command: str, data: bytes) -> dict[str, t.Any]:
        fault: t.Any = self.faults.pop(0) if self.faults else ""
        if isinstance(fault, Exception):
            raise fault  # pylint: disable=raising-bad-type
        done = subprocess.run(["sh", "-c", command], input=data, capture_output=True, check=False)
        stdout, stderr = done.stdout.decode(), done.stderr.decode()
        if fault == "ssh":
            raise AnsibleConnectionFailure(f"Failed to connect to the host via ssh: {stderr}{CLOSED}")
        if fault == "no sudo":
            return {"rc": 127, "stdout": "", "stderr": "sh: sudo: not found"}
        if fault == "killed":
            return {"rc": 137, "stdout": stdout[: stdout.index("half") + 4], "stderr": stderr}
        return {"rc": done.returncode, "stdout": stdout, "stderr": stderr}

    @property
    def link(self) -> RenewableLink:
        return RenewableLink(ConnectionShell("vps", self.execute), lambda: None)


@pytest.mark.parametrize(
    "error",
    [
        AnsibleAuthenticationFailure("wrong password"),
        AnsibleConnectionFailure("Timeout (12s) waiting for privilege escalation prompt"),
        *(
            AnsibleConnectionFailure(f"Failed to connect to the host via ssh: {text}")
            for text in (
                "ssh: connect to host 192.0.2.1 port 22: No route to host",
                "Unable to negotiate with 192.0.2.1 port 22: no matching host key type found",
                "Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures",
                "Connection closed by 192.0.2.1 port 22",
                "Timeout, server 192.0.2.1 not responding.",
                "Bad owner or permissions on /home/alice/.ssh/config",
            )
        ),
    ],
    ids=str,
)
def test_a_machine_on_which_nothing_began_is_unreachable_at_once(error: AnsibleConnectionFailure) -> None:
    with pytest.raises(type(error)) as raised:
        Connection(error).link.run("echo never")
    assert raised.value is error


def test_a_connection_that_broke_under_the_script_is_lost_and_says_why() -> None:
    with pytest.raises(ConnectionLostError) as raised:
        Connection("ssh").link.run("echo half")
    assert str(raised.value) == f"Failed to connect to the host via ssh: {CLOSED}"


def test_once_a_script_has_begun_every_failure_is_worth_another_try() -> None:
    refused = AnsibleConnectionFailure("ssh: connect to host 192.0.2.1 port 22: Connection refused")
    link = Connection("killed", refused, AnsibleAuthenticationFailure("not yet"), "").link
    for _attempt in range(3):
        with pytest.raises(ConnectionLostError):
            link.run("echo half")
    assert link.run("echo half").stdout == "half\n"


def test_an_escalation_that_fails_is_told_at_once_unless_a_script_may_be_at_work() -> None:
    with fails_with("nix.not_run"):
        Connection("no sudo").link.run("true")
    link = Connection("killed", "no sudo", AnsibleError("Incorrect sudo password"), "").link
    for _attempt in range(3):
        with pytest.raises(ConnectionLostError):
            link.run("echo half")
    assert link.run("echo half").stdout == "half\n"


@pytest.mark.parametrize("kind", ["renewable", "fresh"])
def test_a_machine_whose_answer_has_no_end_is_not_asked_again(kind: str) -> None:
    endless = EndlessAnswerError("the machine's answer has no end: it was cut off", code="endless_answer", host="vps")
    shell = ConnectionShell("vps", Connection("killed", endless).execute)
    link = RenewableLink(shell, lambda: None) if kind == "renewable" else FreshLink(shell)
    with pytest.raises(ConnectionLostError):
        link.run("echo half")
    with pytest.raises(EndlessAnswerError):
        link.run("echo half")


def test_what_no_log_hides_may_have_begun() -> None:
    with pytest.raises(ConnectionLostError):
        Connection(AnsibleConnectionFailure("via ssh: <error censored due to no log>")).link.run("true")


def test_a_connection_that_cannot_be_dropped_is_none() -> None:
    def reset() -> None:
        raise OSError("no such socket")

    RenewableLink(ConnectionShell("vps", Connection().execute), reset).renew()


@pytest.mark.parametrize("kind", ["renewable", "fresh"])
def test_a_machine_that_goes_on_dripping_is_a_lost_connection_when_its_time_is_over(kind: str) -> None:
    def drip(_command: str, _data: bytes) -> dict[str, t.Any]:
        with bounded("vps", 0.2):
            subprocess.run(["sh", "-c", "while :; do echo drip; sleep 0.1; done"], capture_output=True, check=False)
        raise AssertionError

    shell = ConnectionShell("vps", drip)
    link = RenewableLink(shell, lambda: None) if kind == "renewable" else FreshLink(shell)
    began = time.monotonic()
    with pytest.raises(ConnectionLostError, match=r"did not answer within 0\.2 s"):
        link.run("true")
    assert time.monotonic() - began < 10


def test_a_line_that_fell_silent_may_have_begun_what_it_was_sent() -> None:
    silent = NoAnswerError("the machine did not answer within 60 s", code="no_answer", host="vps")
    refused = AnsibleConnectionFailure("ssh: connect to host 192.0.2.1 port 22: Connection refused")
    link = Connection(silent, refused).link
    for _attempt in range(2):
        with pytest.raises(ConnectionLostError):
            link.run("true")
