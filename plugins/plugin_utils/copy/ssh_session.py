# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The link through an ssh session of our own, where there is none to share."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import typing as t

from ..core import process
from ..core.errors import CopyError
from ..core.recent import Recent
from .ssh_link import SshLink

if t.TYPE_CHECKING:
    import pathlib
    from collections.abc import Sequence

# To log in, ssh has its ConnectTimeout and the machine's patience for authentication; this bounds what has neither.
LOGIN_SECONDS = 150.0
# What the machine prints meanwhile may be anything, and may have no end.
LONGEST_LINE = 4096
ERRORS_KEPT = 1 << 16


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
        program = self._directory / "ask"
        program.write_text('#!/bin/sh\nexec cat "${0%/*}/password"\n')
        program.chmod(0o700)
        return {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": os.environ.get("DISPLAY", ":0")}


def _with_compression(ssh: Sequence[str], wanted: bool | None) -> list[str]:
    """Return the command line with compression switched on or off, whatever it said about it before."""
    if wanted is None:
        return list(ssh)
    first, *rest = (word for word in ssh if word != "-C")
    return [first, "-o", f"Compression={'yes' if wanted else 'no'}", *rest]
