# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection that proves something: that the machine lets us in now, and not only that it once did."""

from __future__ import annotations

import copy
import typing as t

from ansible.plugins.connection import ConnectionBase

# ssh takes the first value it reads, so these come before whatever else is said of a shared session.
UNSHARED = "-o ControlMaster=no -o ControlPath=none"


def new_connection(connection: ConnectionBase) -> t.Any:
    """Return a connection to the same machine as ``connection``, with all its options, that is made anew for its use.

    The session that tasks share stays as it is, for them and for the copies that go through it. Connection plugins
    other than ssh are reset where they can be: they have one session at most.
    """
    if connection.transport == "ssh":
        fresh = copy.copy(connection)
        fresh._options = {**connection._options, "ssh_args": f"{UNSHARED} {connection.get_option('ssh_args') or ''}"}
        return fresh
    if type(connection).reset is not ConnectionBase.reset:
        connection.reset()
    return connection
