# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's shell, over the connection that Ansible has to it."""

from __future__ import annotations

import re
import secrets
import shlex
import typing as t

from ..core.errors import NixError
from ..core.process import Completed
from ..core.shell import NIX_PATH

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class AnswerBrokeOffError(NixError):
    """A script began on the machine, and what it printed ended before the script did."""


class ConnectionShell:
    """Runs a script in one round trip: the script on standard input of ``sh -s``, no file left behind.

    ``execute`` is Ansible's low-level execution of a command line with data for its standard input; privilege
    escalation, passwords and the connection's own options are its affair.
    """

    def __init__(self, host: str, execute: Callable[[str, bytes], dict[str, t.Any]], environment: str = "") -> None:
        self.host = host
        self._execute = execute
        self.environment = environment

    def run(self, script: str, *arguments: str) -> Completed:
        """See ``Shell.run``."""
        argv = ("sh", "-s", "--", *arguments)
        refuse_unsendable(self.host, argv)
        marker = f"nix.fleet-{secrets.token_hex(8)}"
        command = " ".join(filter(None, [self.environment, shlex.join(argv)]))
        answer = self._execute(command, framed(script, marker).encode())
        return completed(self.host, argv, answer, marker)


def refuse_unsendable(host: str, argv: tuple[str, ...]) -> None:
    """Refuse what no command line can carry."""
    if any("\0" in argument for argument in argv):
        raise NixError("what is to be sent to the machine has a null character", host=host, command=argv)


def completed(host: str, argv: tuple[str, ...], answer: Mapping[str, t.Any], marker: str) -> Completed:
    """Return how a framed script ended, by what the machine answered; raise when it did not come to its end."""
    stdout = str(answer.get("stdout") or "")
    stderr = str(answer.get("stderr") or "")
    output = unframed(stdout, marker)
    if output is not None:
        return Completed(argv, output.rc, output.text, stderr)
    log = "\n".join(filter(None, [stdout, stderr]))
    if begins(stdout, marker):
        raise AnswerBrokeOffError(
            "the machine's answer broke off in the middle",
            host=host,
            log=log.replace(f"{marker} begin\n", ""),
            advice="see whether it is short of memory, or was being shut down; then run again",
            rc=answer.get("rc"),
        )
    raise NixError(
        "the machine did not run the script it was sent",
        host=host,
        command=argv[:2],
        log=log,
        advice="check that the login and its privilege escalation can run a POSIX sh: ansible HOST -m raw -a id",
        rc=answer.get("rc"),
    )


class Framed(t.NamedTuple):
    """What a framed script printed and how it ended."""

    text: str
    rc: int


def framed(script: str, marker: str) -> str:
    """Return ``script`` such that its output can be told from what login shells and banners print around it."""
    return (
        f"{NIX_PATH}"
        # A subshell, so that `exit` in the script still leads to the closing mark; its standard input is empty,
        # since what follows in ours is the rest of the script. The opening mark is inside: a shell reads a subshell to
        # its end before it runs any of it, so that the mark says that the script arrived whole.
        f"(\nprintf '\\n%s begin\\n' {marker}\n{script}\n) </dev/null\n"
        f"printf '\\n%s end %s\\n' {marker} $?\n"
    )


def begins(stdout: str, marker: str) -> bool:
    """Whether the script started."""
    return f"\n{marker} begin\n" in f"\n{stdout}"


def unframed(stdout: str, marker: str) -> Framed | None:
    """Return what the script printed between its marks, or None when it did not run to its end."""
    rest = f"\n{stdout}".partition(f"\n{marker} begin\n")[2]
    text, end, tail = rest.rpartition(f"\n{marker} end ")
    rc = re.match("[0-9]+\n", tail)
    return Framed(text, int(rc[0])) if end and rc else None
