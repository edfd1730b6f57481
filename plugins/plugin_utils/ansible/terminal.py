# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine's shell by way of a privilege escalation that wants a terminal."""

from __future__ import annotations

import re
import secrets
import shlex
import typing as t

from ansible.errors import AnsibleConnectionFailure

from ..core.errors import NixError
from ..target.programs import program
from .shell import AnswerBrokeOffError, ConnectionShell, NoAnswerError, completed, framed, validate_sendable

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible.plugins.become import BecomeBase

    from ..core.process import Completed

# The options of Ansible's ssh plugin that may ask for a terminal: `-t` and `-tt`.
SSH_OPTIONS = ("ssh_args", "ssh_common_args", "ssh_extra_args")
ASKS_FOR_TERMINAL = re.compile("-t+")

# How `terminal_make_directory` ends then.
NOWHERE_IN_MEMORY = 3


def wants_terminal(become: BecomeBase | None) -> bool:
    """Whether what ``become`` runs gets a terminal as its standard input, and no script."""
    # Absent before ansible-core 2.17, where every method but su could do without.
    return become is not None and not getattr(become, "pipelining", become.name != "su")


def without_terminal(connection: t.Any) -> None:
    """Take from ``connection`` the terminal that its options ask for on every command, also where we send a script.

    Ansible insists on that option for run0, which does without where polkit asks nobody. Where a terminal is of use,
    Ansible adds it by itself.
    """
    if connection.transport != "ssh":
        return
    for name in SSH_OPTIONS:
        words = shlex.split(connection.get_option(name) or "")
        kept = [word for word in words if not ASKS_FOR_TERMINAL.fullmatch(word)]
        if kept != words:
            connection.set_option(name, shlex.join(kept))


class TerminalShell:
    """Runs a script in two round trips, since a terminal cannot carry it.

    The login brings it as a file that nobody else can read, in a directory of its own in memory, and ``execute`` runs the
    file, which begins with its own removal. ``allow_disk``: on a disk, where the machine has no such place.

    What a terminal does to output is undone, and errors, which would be mixed with it, follow it.
    """

    def __init__(
        self,
        login: ConnectionShell,
        execute: Callable[[str, None], Mapping[str, t.Any]],
        environment: str = "",
        *,
        allow_disk: bool = True,
    ) -> None:
        self.host = login.host
        self._login = login
        self._execute = execute
        self._environment = environment
        self._allow_disk = allow_disk

    def run(self, script: str, *arguments: str) -> Completed:
        """See ``Shell.run``."""
        validate_sendable(self.host, arguments)
        marker = f"nix.fleet-{secrets.token_hex(8)}"
        file = (
            f"{program('terminal')}\nterminal_begin\n"
            f'{{\n{framed(script, marker)}}} 2>"$directory/errors"\nterminal_end {marker}\n'
        )
        directory = self._bring(file, marker)
        argv = ("sh", f"{directory}/script", *arguments)
        try:
            answer = self._execute(" ".join(filter(None, [self._environment, shlex.join(argv)])), None)
        except AnsibleConnectionFailure as error:
            # The machine had been reached a moment before: nobody knows how far the script came since.
            raise AnswerBrokeOffError(
                "the connection broke while a script was being run",
                code="connection_lost",
                host=self.host,
                log=str(error),
            ) from error
        except NoAnswerError:
            # One more word to a line that is silent would wait as long again.
            raise
        except Exception:
            self._remove(directory)
            raise
        text = str(answer.get("stdout") or "").replace("\r\n", "\n")
        stdout, _mark, stderr = text.partition(f"{marker} errors\n")
        if not _mark:
            self._remove(directory)
        errors = stderr or str(answer.get("stderr") or "")
        return completed(self.host, argv, {**answer, "stdout": stdout, "stderr": errors}, marker)

    def _bring(self, script: str, marker: str) -> str:
        """Return the directory on the machine that has ``script`` now."""
        brought = self._login.run(
            f"{program('terminal')}\nallow_disk={int(self._allow_disk)}\nterminal_make_directory\nterminal_prepare\n"
            f"cat >\"$directory/script\" <<'{marker} end of script' || exit\n{script}{marker} end of script\n"
            "terminal_hand_over\n"
        )
        if brought.rc == NOWHERE_IN_MEMORY:
            raise NixError(
                "this way to become another user takes scripts as files, and the login can write to no file system in memory",
                code="not_in_memory",
                host=self.host,
                advice="log in as root, use sudo, or accept the disk where the task can (allow_disk, deploy_keys_allow_disk)",
            )
        unwritten = NixError(
            "the login could not write the script that another user is to run",
            code="not_written",
            host=self.host,
            advice="see that it may write to /dev/shm or /tmp, and that there is room",
        )
        return brought.or_raise(unwritten).stdout.strip()

    def _remove(self, directory: str) -> None:
        self._login.run('rm -rf "$1"\n', directory)
