# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's way to a machine: commands and sockets through the ssh session that Ansible has, or one more."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shlex
import subprocess
import threading
import typing as t

from ..core import process
from ..core.errors import CopyError
from ..core.process import Recent
from ..target.programs import program

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Most requests of the control socket are answered here. One to listen there (-R) is answered by the machine, and waits as
# long as the line is silent.
CONTROL_SECONDS = 10.0

# As Ansible has it there.
CONTROL_PATH = "ControlPath="

# First on the command line, since ssh keeps the first value it reads. The session is not to be replaced by a new one
# that outlives us; when it is at its limit of channels (sshd's MaxSessions), ssh logs in once more for this command.
NO_NEW_SESSION = ("-o", "ControlMaster=no", "-o", "BatchMode=yes")

# To log in, ssh has its ConnectTimeout and the machine's patience for authentication; this bounds what has neither.
LOGIN_SECONDS = 150.0
# What the machine prints meanwhile may be anything, and may have no end.
LONGEST_LINE = 4096
ERRORS_KEPT = 1 << 16


class LinkLostError(Exception):
    """The machine at the other end does not answer any more."""


class LocalLink:
    """A machine whose sockets are ours, with what an ``SshLink`` has."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.is_open = True

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the command itself."""
        return list(argv)

    @contextlib.contextmanager
    def local_forward(self, remote: str, local: pathlib.Path) -> Iterator[pathlib.Path]:
        """Yield the machine's socket, which is here."""
        yield local.__class__(remote)

    @contextlib.contextmanager
    def remote_forward(self, local: pathlib.Path, remote: str) -> Iterator[str]:
        """Yield our socket, which is there."""
        del remote
        yield str(local)

    def drop(self) -> None:
        """Do nothing: there is no session."""


class SshLink:
    """A machine behind the control socket of an ssh session: the controller's way to it, as the user who logs in there.

    ``host`` is its inventory name, for messages. ``ssh`` is the command line that finds the session, ``destination`` the host as it is named there.
    """

    def __init__(self, host: str, ssh: Sequence[str], destination: str) -> None:
        self.host = host
        self._ssh = tuple(ssh)
        self._destination = destination

    @property
    def is_open(self) -> bool:
        """Whether there is a session; one that is silent is."""
        try:
            return self._control("check").ok
        except LinkLostError:
            return False

    @property
    def has_socket(self) -> bool:
        """Whether the socket is there that a session has, and takes with it unless it is killed; no command is run for it.

        False where the command line does not have its plain name.
        """
        named = [word.removeprefix(CONTROL_PATH).strip('"') for word in self._ssh if word.startswith(CONTROL_PATH)]
        lasting = any(word.startswith("ControlPersist=") for word in self._ssh)
        return lasting and bool(named) and pathlib.Path(named[0]).exists()

    @property
    def compresses(self) -> bool:
        """Whether the settings, those of ssh's own files among them, have the session compress: ``-G`` in ssh(1)."""
        try:
            answer = process.run([*self._ssh, "-G", self._destination], timeout=CONTROL_SECONDS)
        except process.CommandTimeoutError:
            # Such settings may run commands of their own. It is left as it is then.
            return True
        return "compression yes" in answer.stdout.splitlines()

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the command line which, run here, runs ``argv`` there with its standard input, output and error."""
        return [self._ssh[0], *NO_NEW_SESSION, *self._ssh[1:], "-T", self._destination, shlex.join(argv)]

    @contextlib.contextmanager
    def local_forward(self, remote: str, local: pathlib.Path) -> Iterator[pathlib.Path]:
        """Make the machine's socket ``remote`` reachable here, and yield where; ``local`` is a free path for it."""
        with self._forwarded("-L", f"{local}:{remote}"):
            yield local

    @contextlib.contextmanager
    def remote_forward(self, local: pathlib.Path, remote: str) -> Iterator[str]:
        """Make the socket ``local`` reachable on the machine, and yield where; ``remote`` is a free path for it."""
        with self._forwarded("-R", f"{remote}:{local}"):
            yield remote

    @contextlib.contextmanager
    def _forwarded(self, direction: str, sockets: str) -> Iterator[None]:
        answer = self._control("forward", direction, sockets)
        if not answer.ok:
            if not self.is_open:
                raise LinkLostError(f"{self.host}: the ssh session has ended")
            raise CopyError(
                "the ssh session does not forward a socket",
                code="no_forwarding",
                host=self.host,
                log=answer.stderr,
                advice="sshd there must allow it (AllowStreamLocalForwarding, DisableForwarding; `sshd -T` says what it"
                " does), and it must be OpenSSH",
            )
        try:
            yield
        finally:
            # Gone with the session, or cancelled: both are what is wanted.
            with contextlib.suppress(LinkLostError):
                self._control("cancel", direction, sockets)

    def drop(self) -> None:
        """Give the session up, so that nothing waits for it any longer."""
        with contextlib.suppress(LinkLostError):
            self._control("exit")

    def _control(self, request: str, *arguments: str) -> process.Completed:
        command = [self._ssh[0], *self._ssh[1:], "-O", request, *arguments, self._destination]
        try:
            return process.run(command, timeout=CONTROL_SECONDS)
        except process.CommandTimeoutError as late:
            raise LinkLostError(f"{self.host}: the ssh session did not answer for {late.seconds:g} s") from late


class SshSession(SshLink):
    """Logs in for the length of a block; see ``SshLink``.

    The session runs ``cat`` on the machine: a line that comes back means that it is up, and it ends with the end of
    its input, so also when the controller is killed. ``password`` is asked for by ssh through a program that reads it
    from a file in ``directory``, which only we can read and which is gone once the session is up.
    """

    def __init__(
        self,
        host: str,
        ssh: Sequence[str],
        destination: str,
        directory: pathlib.Path,
        *,
        password: str | None = None,
        compression: bool | None = None,
    ) -> None:
        control = ("-o", f"ControlPath={directory}/session")
        words = _with_compression(ssh, compression)
        super().__init__(host, (words[0], *control, *words[1:]), destination)
        self._login = [*words, destination, "true"]
        self._directory = directory
        self._password = password

    def __enter__(self) -> SshSession:
        command = [
            self._ssh[0], "-o", "ControlMaster=yes", "-o", "ControlPersist=no", *self._ssh[1:], self._destination, "cat",
        ]  # fmt: skip
        self._session = process.start(command, stderr=subprocess.PIPE, environment=self._asking())
        errors = Recent[bytes](ERRORS_KEPT, len)
        reader = threading.Thread(target=self._read_errors, args=(errors,), name=f"errors of {self.host}", daemon=True)
        reader.start()
        if not self._is_up():
            process.end_group(self._session.process)
            reader.join(1.0)
            raise CopyError(
                "no ssh session could be opened",
                code="no_session",
                host=self.host,
                # The directory of our control socket is gone by then.
                command=self._login,
                log=b"".join(errors).decode(errors="replace"),
                advice="Ansible itself logs in there; with ControlPersist in ansible_ssh_args its session is shared",
            )
        return self

    def __exit__(self, *_exception: object) -> None:
        process.end_group(self._session.process, grace=1.0)

    def _is_up(self) -> bool:
        limit = threading.Timer(LOGIN_SECONDS, self._session.process.kill)
        limit.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                self._session.stdin.write(b"up\n")
                self._session.stdin.flush()
            # A login shell may print something of its own first.
            lines = iter(lambda: self._session.stdout.readline(LONGEST_LINE), b"")
            return any(line.strip() == b"up" for line in lines)
        finally:
            limit.cancel()
            for name in ("password", "ask"):
                (self._directory / name).unlink(missing_ok=True)

    def _read_errors(self, errors: Recent[bytes]) -> None:
        stream = t.cast("t.IO[bytes]", self._session.process.stderr)
        while chunk := stream.readline(LONGEST_LINE):
            errors.append(chunk)

    def _asking(self) -> dict[str, str]:
        """Return the environment in which ssh asks our program for the password."""
        if self._password is None:
            return {}
        secret = self._directory / "password"
        secret.touch(mode=0o600)
        secret.write_text(f"{self._password}\n")
        askpass = self._directory / "ask"
        askpass.write_text(f"#!/bin/sh\n{program('askpass')}\n")
        askpass.chmod(0o700)
        return {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": os.environ.get("DISPLAY", ":0")}


Link: t.TypeAlias = "LocalLink | SshLink"


def _with_compression(ssh: Sequence[str], wanted: bool | None) -> list[str]:
    """Return the command line with compression switched on or off, whatever it said about it before."""
    if wanted is None:
        return list(ssh)
    first, *rest = (word for word in ssh if word != "-C")
    return [first, "-o", f"Compression={'yes' if wanted else 'no'}", *rest]
