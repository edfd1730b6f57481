# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a Nix daemon answers at a socket."""

from __future__ import annotations

import contextlib
import socket
import typing as t

if t.TYPE_CHECKING:
    import pathlib

# The first words of Nix's daemon protocol, as it sends numbers: 64 bits, little-endian.
HELLO = 0x6E697863.to_bytes(8, "little")
ANSWER = 0x6478696F.to_bytes(8, "little")


def refuses(path: pathlib.Path, timeout: float) -> bool:
    """Whether who listens at ``path`` hangs up on a client; not when nothing comes back within ``timeout`` seconds."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as client:
        client.settimeout(timeout)
        try:
            client.connect(str(path))
            client.sendall(HELLO)
            return not client.recv(len(ANSWER))
        except TimeoutError:
            return False
        except OSError:
            return True
