# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The link through an ssh session that is open already."""

from __future__ import annotations

import contextlib
import pathlib
import shlex
import typing as t

from ..core import process
from ..core.errors import CopyError
from .link import LinkLostError

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


class SshLink:
    """A machine behind the control socket of an ssh session; see ``Link``.

    ``ssh`` is the command line that finds the session, ``destination`` the host as it is named there.
    """

    def __init__(self, host: str, ssh: Sequence[str], destination: str) -> None:
        self.host = host
        self._ssh = tuple(ssh)
        self._destination = destination

    @property
    def is_open(self) -> bool:
        """Whether there is a session."""
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
        """See ``Link.command``."""
        return [self._ssh[0], *NO_NEW_SESSION, *self._ssh[1:], "-T", self._destination, shlex.join(argv)]

    @contextlib.contextmanager
    def bring(self, remote: str, local: pathlib.Path) -> Iterator[pathlib.Path]:
        """See ``Link.bring``."""
        with self._forwarded("-L", f"{local}:{remote}"):
            yield local

    @contextlib.contextmanager
    def offer(self, local: pathlib.Path, remote: str) -> Iterator[str]:
        """See ``Link.offer``."""
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
        """See ``Link.drop``."""
        with contextlib.suppress(LinkLostError):
            self._control("exit")

    def _control(self, request: str, *arguments: str) -> process.Completed:
        command = [self._ssh[0], *self._ssh[1:], "-O", request, *arguments, self._destination]
        try:
            return process.run(command, timeout=CONTROL_SECONDS)
        except process.CommandTimeoutError as late:
            raise LinkLostError(f"{self.host}: the ssh session did not answer for {late.seconds:g} s") from late
