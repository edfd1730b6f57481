# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What we say ourselves in Nix's protocols: numbers of 64 bits, little-endian."""

from __future__ import annotations

import contextlib
import socket
import struct
import typing as t

if t.TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterable

# The first words of the daemon's protocol (`worker-protocol.hh`): a client's, and the daemon's answer.
CLIENT_HELLO = 0x6E697863.to_bytes(8, "little")
DAEMON_HELLO = 0x6478696F.to_bytes(8, "little")

# Of `nix-store --serve` (`serve-protocol.hh`), unchanged in this since version 2.1 of it.
SERVE_MAGIC = 0x390C9DEB
SERVE_VERSION = 0x205
DUMP_STORE_PATH = 3
ALIGNMENT = 8


def daemon_hangs_up(path: pathlib.Path, timeout: float) -> bool:
    """Whether who listens at ``path`` hangs up on a client; not when nothing comes back within ``timeout`` seconds."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as client:
        client.settimeout(timeout)
        try:
            client.connect(str(path))
            client.sendall(CLIENT_HELLO)
            return not client.recv(len(DAEMON_HELLO))
        except TimeoutError:
            return False
        except OSError:
            return True


def serve_requests(paths: Iterable[str]) -> bytes:
    """Return what has ``nix-store --serve`` send the archives of ``paths``, after a greeting of 16 bytes.

    A text has its length before it, and zeros behind it up to a multiple of eight bytes. Nothing needs an answer before the
    next request, so that a file can be prepared with all of them.
    """
    requests = [_number(DUMP_STORE_PATH) + _text(path) for path in paths]
    return b"".join([_number(SERVE_MAGIC), _number(SERVE_VERSION), *requests])


def _number(value: int) -> bytes:
    return struct.pack("<Q", value)


def _text(text: str) -> bytes:
    data = text.encode()
    return _number(len(data)) + data + bytes(-len(data) % ALIGNMENT)
