# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a host serves the others: an address, and a port with the one after it."""

from __future__ import annotations

import re

from ..core.errors import CopyError

ADDRESS = re.compile(r"[0-9A-Za-z_:][0-9A-Za-z._:%-]{0,252}")
MOST_PORT = 65534
# Where a host serves, and, to a second host at a time, the port after it.
PEER_PORT = 26940


def peer_port(number: int) -> int:
    """Return a port at which a host can serve; raises ``CopyError`` for any other number."""
    if not 0 < number <= MOST_PORT:
        raise CopyError(
            f"{number} is not a port that has another one after it",
            advice=f"set one from 1 to {MOST_PORT} (deploy_peer_port)",
        )
    return number


def peer_address(text: str) -> str:
    """Return an address that others can connect to; raises ``CopyError`` for what is none."""
    if not ADDRESS.fullmatch(text):
        raise CopyError(
            f"{text!r} is not an address that other hosts could connect to",
            advice="set a host name or an IP address (deploy_peer_address)",
        )
    return text
