# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A script reaches a user who is only become at a terminal, and its answer is what it would be without one."""

from __future__ import annotations

import os
import pathlib
import pty
import subprocess
import tempfile
import time
import types
import typing as t
from collections.abc import Iterator

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.shell import AnswerBrokeOffError, ConnectionShell
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.terminal import (
    TerminalShell,
    wants_terminal,
    without_terminal,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError

from ...errors import fails_with


class Machine:
    """A machine whose escalation runs commands at a terminal only."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.directory = directory
        self.environment = {"XDG_RUNTIME_DIR": str(directory)}
        self.commands: list[str] = []

    def login(self, command: str, data: bytes) -> dict[str, t.Any]:
        environment = {**os.environ, **self.environment}
        done = subprocess.run(["sh", "-c", command], input=data, capture_output=True, check=False, env=environment)
        return {"rc": done.returncode, "stdout": done.stdout.decode(), "stderr": done.stderr.decode()}

    def terminal(self, command: str, data: None) -> dict[str, t.Any]:
        assert data is None
        self.commands.append(command)
        child, master = pty.fork()
        if child == 0:
            os.execvp("sh", ["sh", "-c", command])
        output = b""
        while True:
            try:
                read = os.read(master, 4096)
            except OSError:
                break
            if not read:
                break
            output += read
        _pid, status = os.waitpid(child, 0)
        os.close(master)
        return {"rc": os.waitstatus_to_exitcode(status), "stdout": output.decode(), "stderr": "Connection closed."}

    @property
    def shell(self) -> TerminalShell:
        return TerminalShell(ConnectionShell("vps", self.login), self.terminal)


@pytest.fixture
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield Machine(pathlib.Path(directory))


@pytest.fixture
def machine_of_disks(tmp_path: pathlib.Path) -> Machine:
    """Return a machine that has no file system in memory."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"stat": "echo ext4", "mount": "echo /dev/sda1 on / type ext4"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    machine = Machine(tmp_path / "disk")
    machine.directory.mkdir()
    path = f"{programs}:{os.environ['PATH']}"
    machine.environment |= {"PATH": path, "TMPDIR": str(machine.directory)}
    return machine


def test_output_errors_and_exit_code_are_the_scripts_own(machine: Machine) -> None:
    answer = machine.shell.run("echo out; echo error >&2; printf 'a\\tb'; exit 4")
    assert (answer.stdout, answer.stderr, answer.rc) == ("out\na\tb", "error\n", 4)


def test_arguments_arrive_unchanged_whatever_they_contain(machine: Machine) -> None:
    hostile = "a b'c\"d$(touch x)`id`;\nend"
    assert machine.shell.run('printf %s "$1"', hostile).stdout == hostile


def test_the_script_is_in_no_command_line_and_nothing_of_it_is_left(machine: Machine) -> None:
    machine.shell.run(": secret")
    assert len(machine.commands) == 1
    assert "secret" not in "".join(machine.commands)
    assert list(machine.directory.iterdir()) == []


def test_a_refused_escalation_leaves_nothing(machine: Machine) -> None:
    shell = TerminalShell(
        ConnectionShell("vps", machine.login),
        lambda _command, _data: {"rc": 1, "stdout": "doas: Authentication failed\r\n"},
    )
    with fails_with("nix.not_run"):
        shell.run(":")
    assert list(machine.directory.iterdir()) == []


def test_a_wrong_password_leaves_nothing(machine: Machine) -> None:
    def refused(_command: str, _data: None) -> t.NoReturn:
        raise AnsibleError("Incorrect doas password")

    with pytest.raises(AnsibleError, match="Incorrect"):
        TerminalShell(ConnectionShell("vps", machine.login), refused).run(": secret")
    assert list(machine.directory.iterdir()) == []


def test_nobody_else_can_read_the_script_while_it_waits(machine: Machine) -> None:
    modes: list[int] = []

    def look(_command: str, _data: None) -> dict[str, t.Any]:
        (directory,) = machine.directory.iterdir()
        modes.extend(path.stat().st_mode & 0o777 for path in (directory, directory / "script"))
        return {}

    with pytest.raises(NixError):
        TerminalShell(ConnectionShell("vps", machine.login), look).run(": secret")
    assert modes == [0o700, 0o600]


def test_what_the_line_broke_before_is_removed_by_the_machine(machine: Machine) -> None:
    machine.environment["PATH"] = f"{hurried(machine.directory)}:{os.environ['PATH']}"

    def broken(_command: str, _data: None) -> t.NoReturn:
        raise AnsibleConnectionFailure("closed by remote host")

    with pytest.raises(AnswerBrokeOffError):
        TerminalShell(ConnectionShell("vps", machine.login), broken).run(": secret")
    deadline = time.monotonic() + 30
    while list(machine.directory.glob("nix.fleet-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def hurried(directory: pathlib.Path) -> pathlib.Path:
    """Make a directory with a `sleep` for which minutes are moments, and return it."""
    programs = directory / "bin"
    programs.mkdir()
    (programs / "sleep").write_text("#!/bin/sh\n")
    (programs / "sleep").chmod(0o755)
    return programs


def test_what_must_come_to_no_disk_is_not_sent_where_there_is_nothing_else(machine_of_disks: Machine) -> None:
    machine = machine_of_disks
    shell = TerminalShell(ConnectionShell("vps", machine.login), machine.terminal, allow_disk=False)
    with fails_with("nix.not_in_memory"):
        shell.run(": secret")
    assert (machine.commands, list(machine.directory.iterdir())) == ([], [])


def test_a_machine_without_memory_to_write_to_is_served_by_a_disk_and_nothing_stays(machine_of_disks: Machine) -> None:
    machine = machine_of_disks
    assert machine.shell.run("echo out").stdout == "out\n"
    assert str(machine.directory) in machine.commands[0]
    assert list(machine.directory.iterdir()) == []


def test_a_runtime_directory_on_a_disk_is_not_taken(machine: Machine, machine_of_disks: Machine) -> None:
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("there is no /dev/shm")
    disk = machine_of_disks.directory
    stat = disk.parent / "bin" / "stat"
    stat.write_text("#!/bin/sh\ncase $PWD in /dev/shm*) echo tmpfs ;; *) echo ext4 ;; esac\n")
    shell = TerminalShell(ConnectionShell("vps", machine_of_disks.login), machine.terminal, allow_disk=False)
    assert shell.run("echo out").stdout == "out\n"
    assert machine.commands[0].startswith("sh /dev/shm/nix.fleet-")


def test_a_login_that_can_write_nowhere_says_so(machine_of_disks: Machine) -> None:
    machine_of_disks.environment["TMPDIR"] = "/nonexistent"
    with fails_with("nix.not_written"):
        machine_of_disks.shell.run(":")


def test_a_connection_that_breaks_under_the_script_is_an_answer_that_broke_off(machine: Machine) -> None:
    def broken(_command: str, _data: None) -> t.NoReturn:
        raise AnsibleConnectionFailure("closed by remote host")

    with fails_with("nix.connection_lost") as raised:
        TerminalShell(ConnectionShell("vps", machine.login), broken).run(":")
    assert isinstance(raised.value, AnswerBrokeOffError)


@pytest.mark.parametrize(
    ("become", "wanted"),
    [
        (None, False),
        (types.SimpleNamespace(name="sudo", pipelining=True), False),
        (types.SimpleNamespace(name="doas", pipelining=False), True),
        (types.SimpleNamespace(name="sudo"), False),
        (types.SimpleNamespace(name="su"), True),
    ],
)
def test_a_method_that_takes_no_script_gets_a_terminal(become: t.Any, wanted: bool) -> None:
    assert wants_terminal(become) is wanted


def test_a_terminal_on_every_command_is_taken_back() -> None:
    class Ssh:
        transport = "ssh"
        options: t.ClassVar[dict[str, str | None]] = {
            "ssh_args": "-C -tt -o 'ControlPath=a b'",
            "ssh_common_args": None,
            "ssh_extra_args": "-t",
        }

        def get_option(self, name: str) -> str | None:
            return self.options[name]

        def set_option(self, name: str, value: str) -> None:
            self.options[name] = value

    without_terminal(Ssh())
    assert Ssh.options == {"ssh_args": "-C -o 'ControlPath=a b'", "ssh_common_args": None, "ssh_extra_args": ""}
