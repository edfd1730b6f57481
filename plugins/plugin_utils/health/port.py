# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP port: somebody accepts connections there, seen from the controller."""

from __future__ import annotations

import dataclasses
import socket
import time
import typing as t

from .check import Finding, Kind, Surroundings

if t.TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class PortCheck:
    """The port ``port`` of ``host``."""

    name: str
    timeout: int
    host: str
    port: int

    def look(self) -> Finding:
        """See ``CheckFromController.look``."""
        begin = time.monotonic()
        try:
            socket.create_connection((self.host, self.port), timeout=self.timeout).close()
        except TimeoutError:
            return Finding(False, f"{self.host} did not answer within {self.timeout} s")
        except (OSError, UnicodeError) as error:
            cause = getattr(error, "strerror", None) or error
            return Finding(False, f"no connection to {self.host}: {cause}")
        return Finding(True, f"{self.host} answered in {1000 * (time.monotonic() - begin):.0f} ms")


def _of(options: Mapping[str, t.Any], surroundings: Surroundings) -> PortCheck:
    port = options["port"]
    if not 1 <= port <= 65535:
        raise ValueError(f"{port} is not a TCP port")
    if options["host"] == "":
        raise ValueError("host is empty")
    host = options["host"] or surroundings.address()
    at = f" of {options['host']}" if options["host"] else ""
    return PortCheck(options["name"] or f"port {port}{at}", options["timeout"], host, port)


KIND = Kind("port", {"port": {"type": "int"}, "host": {"type": "str"}}, _of)
