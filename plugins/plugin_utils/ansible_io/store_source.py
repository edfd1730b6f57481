# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines whose stores others are sent closures from: the controller, or an inventory host by a connection of its own."""

from __future__ import annotations

import contextlib
import typing as t

from ansible import constants

from ..transport.source import ControllerSource, HostSource
from .connections import TIMEOUT, connection_to, link_to

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..transport.source import Source
    from .action import NixAction


@contextlib.contextmanager
def source_at(
    action: NixAction, host: str, *, timeout: float = TIMEOUT, nix_options: Mapping[str, t.Any]
) -> Iterator[Source]:
    """Yield the store of ``host``; `localhost` is the controller, unless the inventory says otherwise."""
    if host in constants.LOCALHOST and host not in action.variables.get("hostvars", {}):
        yield ControllerSource(nix_options)
        return
    connection = connection_to(action, host)
    if connection.transport == "local":
        yield ControllerSource(nix_options)
        return
    with link_to(connection, host) as way:
        yield HostSource(way, timeout, nix_options)
