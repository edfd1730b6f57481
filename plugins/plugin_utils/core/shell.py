# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program needs of a machine: to run a POSIX sh script there, and to say where it is."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from .process import Completed


class Shell(t.Protocol):
    """A POSIX sh on one machine, as one user."""

    @property
    def host(self) -> str:
        """The inventory name of the machine, for messages."""

    def run(self, script: str, *arguments: str) -> Completed:
        """Run ``script`` with ``arguments`` as ``$1…`` in one round trip; a non-zero exit code is not an exception.

        Nix's usual places are on its PATH. What the login shell prints by itself is not part of the output.
        Raises the connection's own exception when the machine cannot be reached.
        """


class ConnectionLostError(Exception):
    """The machine did not answer, or its answer broke off."""


class ScriptLink(t.Protocol):
    """A connection to a machine that can be out of reach in between, and can be made anew."""

    def run(self, script: str) -> Completed:
        """Run ``script``; raises ``ConnectionLostError`` when a connection that stood did not bring its whole answer."""

    def renew(self) -> None:
        """Give the connection up, so that the next script makes a new one."""


def run_command(shell: Shell, *argv: str) -> Completed:
    """Run one command, given as an argument list, over ``shell``."""
    return shell.run('exec "$@"\n', *argv)
