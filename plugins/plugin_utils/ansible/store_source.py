# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines whose stores others are sent closures from: the controller, or an inventory host by a connection of its own."""

from __future__ import annotations

import contextlib
import typing as t

from ansible import constants

from ..copy.source import ControllerSource, HostSource
from .connections import TIMEOUT, connection_to, link_to

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..copy.source import Source
    from .action import NixAction


@contextlib.contextmanager
def source_at(
    action: NixAction, host: str, *, timeout: float = TIMEOUT, nix_options: Mapping[str, t.Any]
) -> Iterator[Source]:
    """Yield the store of ``host``; `localhost` is the controller, unless the inventory says otherwise."""
    # A plugin is loaded and set up anew for each host that is copied to: only where one is of use.
    connection = None if _is_controller(action, host) else connection_to(action, host)
    if connection is None or connection.transport == "local":
        yield ControllerSource(nix_options)
        return
    with link_to(connection, host) as way:
        yield HostSource(way, timeout, nix_options)


def _is_controller(action: NixAction, host: str) -> bool:
    if host not in constants.LOCALHOST:
        return False
    hostvars = action.variables.get("hostvars", {})
    return host not in hostvars or hostvars[host].get("ansible_connection", "local") == "local"
