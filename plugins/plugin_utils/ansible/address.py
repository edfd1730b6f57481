# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Ansible connects to, in the words of the network."""

from __future__ import annotations

import typing as t

from ..core.process import CommandTimeoutError, run
from .connections import ssh_command

# ssh only reads its configuration, in which a `Match exec` may run anything.
SSH_SECONDS = 10.0


def address_of(connection: t.Any) -> str:
    """Return the name or address that ``connection`` is made to, which for ssh is what ssh's configuration makes of it."""
    if connection.transport == "local":
        return "localhost"
    if connection.transport != "ssh" or not hasattr(connection, "_build_command"):
        return str(connection._play_context.remote_addr)
    words, destination = ssh_command(connection)
    try:
        answer = run([*words, "-G", destination], timeout=SSH_SECONDS)
    except (OSError, CommandTimeoutError):
        return destination
    names = [line.partition(" ")[2] for line in answer.stdout.splitlines() if line.startswith("hostname ")]
    return names[0] if names else destination
