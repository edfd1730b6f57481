# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets through an ssh session: the command lines, and that none is left behind."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy import ssh as module
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.ssh import LinkLostError, SshLink, SshSession

from ...errors import fails_with

LOCAL = pathlib.Path("/tmp/fleet/store")
REMOTE = "/run/nix.fleet.abc/socket"


class Ssh:
    """A program in place of ssh, which writes down how it is called and does what the test says."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.program = directory / "ssh"
        self._calls = directory / "calls"
        self.does("exit 0")

    def does(self, text: str) -> None:
        self.program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >>"{self._calls}"; echo >>"{self._calls}"\n{text}\n')
        self.program.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        if not self._calls.exists():
            return []
        return [line.rstrip("|").split("|") for line in self._calls.read_text().splitlines()]

    def link(self) -> SshLink:
        return SshLink("vps-1", [str(self.program), "-o", "ControlPath=/cp/1"], "192.0.2.1")


@pytest.fixture
def ssh(tmp_path: pathlib.Path) -> Ssh:
    return Ssh(tmp_path)


def test_a_machines_socket_is_forwarded_through_the_open_session_and_given_back(ssh: Ssh) -> None:
    with ssh.link().local_forward(REMOTE, LOCAL) as here:
        assert here == LOCAL
        assert ssh.calls == [["-o", "ControlPath=/cp/1", "-O", "forward", "-L", f"{LOCAL}:{REMOTE}", "192.0.2.1"]]
    assert ssh.calls[1:] == [["-o", "ControlPath=/cp/1", "-O", "cancel", "-L", f"{LOCAL}:{REMOTE}", "192.0.2.1"]]


def test_a_socket_of_ours_is_forwarded_to_the_machine(ssh: Ssh) -> None:
    with ssh.link().remote_forward(LOCAL, REMOTE) as there:
        assert there == REMOTE
    assert [call[2:6] for call in ssh.calls] == [
        ["-O", "forward", "-R", f"{REMOTE}:{LOCAL}"],
        ["-O", "cancel", "-R", f"{REMOTE}:{LOCAL}"],
    ]


def test_what_was_forwarded_is_given_back_after_a_failure_too(ssh: Ssh) -> None:
    with pytest.raises(ZeroDivisionError), ssh.link().local_forward(REMOTE, LOCAL):
        raise ZeroDivisionError
    assert "cancel" in ssh.calls[-1]


def test_an_sshd_that_does_not_forward_is_told_from_a_session_that_has_ended(ssh: Ssh) -> None:
    ssh.does('case " $* " in *" forward "*) echo "forwarding is not allowed" >&2; exit 255 ;; esac')
    with fails_with("copy.no_forwarding") as failure, ssh.link().local_forward(REMOTE, LOCAL):
        pass
    assert "not allowed" in failure.value.log
    assert failure.value.command == ()
    ssh.does("exit 255")
    with pytest.raises(LinkLostError), ssh.link().local_forward(REMOTE, LOCAL):
        pass


def test_a_session_that_does_not_answer_is_a_lost_one(ssh: Ssh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONTROL_SECONDS", 0.2)
    ssh.does("exec sleep 60")
    with (
        pytest.raises(LinkLostError, match="vps-1: the ssh session did not answer"),
        ssh.link().remote_forward(LOCAL, REMOTE),
    ):
        pass
    assert not ssh.link().is_open
    ssh.link().drop()


def test_a_command_runs_in_the_session_and_arrives_unchanged(ssh: Ssh) -> None:
    command = ssh.link().command(["touch", "a b;$(id)"])
    assert command[:5] == [str(ssh.program), "-o", "ControlMaster=no", "-o", "BatchMode=yes"]
    assert command[-2:] == ["192.0.2.1", "touch 'a b;$(id)'"]


def test_what_ssh_makes_of_all_its_settings_says_whether_a_session_compresses(ssh: Ssh) -> None:
    assert not ssh.link().compresses
    ssh.does('[ "$3" != -G ] || printf "host 192.0.2.1\\ncompression yes\\n"')
    assert ssh.link().compresses
    assert ssh.calls[-1] == ["-o", "ControlPath=/cp/1", "-G", "192.0.2.1"]


def session(ssh: Ssh, directory: pathlib.Path, **options: bool | str | None) -> SshSession:
    words = [str(ssh.program), "-C", "-o", "ControlMaster=auto"]
    return SshSession("vps-1", words, "192.0.2.1", directory, **options)  # type: ignore[arg-type]


def test_a_session_of_our_own_is_up_once_a_line_comes_back(ssh: Ssh, tmp_path: pathlib.Path) -> None:
    ssh.does("echo Welcome; exec cat")
    with session(ssh, tmp_path):
        assert ssh.calls[0] == [
            "-o", "ControlMaster=yes", "-o", "ControlPersist=no", "-o", f"ControlPath={tmp_path}/session", "-C",
            "-o", "ControlMaster=auto", "192.0.2.1", "cat",
        ]  # fmt: skip


def test_a_login_that_is_refused_is_reported_in_the_words_of_ssh(ssh: Ssh, tmp_path: pathlib.Path) -> None:
    ssh.does("echo Permission denied >&2; exit 255")
    with fails_with("copy.no_session") as failure, session(ssh, tmp_path):
        pass
    assert "Permission denied" in failure.value.log
    # As it can be given by hand, with nothing of ours in it.
    assert failure.value.command == (str(ssh.program), "-C", "-o", "ControlMaster=auto", "192.0.2.1", "true")


def test_a_password_is_read_by_ssh_and_appears_in_no_command_line(ssh: Ssh, tmp_path: pathlib.Path) -> None:
    ssh.does(f'"$SSH_ASKPASS" >"{tmp_path}/asked"; exec cat')
    with session(ssh, tmp_path, password="it's $ecret"):
        assert (tmp_path / "asked").read_text() == "it's $ecret\n"
        assert not (tmp_path / "password").exists()
    assert all("ecret" not in word for call in ssh.calls for word in call)


@pytest.mark.parametrize(("wanted", "word"), [(True, "Compression=yes"), (False, "Compression=no")])
def test_compression_is_set_whatever_ansibles_own_session_does(
    ssh: Ssh, tmp_path: pathlib.Path, wanted: bool, word: str
) -> None:
    ssh.does("exec cat")
    with session(ssh, tmp_path, compression=wanted):
        assert word in ssh.calls[0]
        assert "-C" not in ssh.calls[0]


def test_a_session_is_presumed_where_its_socket_is(ssh: Ssh, tmp_path: pathlib.Path) -> None:
    for written in (f"ControlPath={tmp_path}/cp", f'ControlPath="{tmp_path}/cp"'):
        words = [str(ssh.program), "-o", "ControlPersist=60s", "-o", written]
        assert not SshLink("vps-1", words, "192.0.2.1").has_socket
        (tmp_path / "cp").touch()
        assert SshLink("vps-1", words, "192.0.2.1").has_socket
        # Without ControlPersist nobody has replaced one whose session was killed.
        assert not SshLink("vps-1", [str(ssh.program), "-o", written], "192.0.2.1").has_socket
        (tmp_path / "cp").unlink()
    assert not SshLink("vps-1", [str(ssh.program)], "192.0.2.1").has_socket
    assert ssh.calls == []
