# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `nix-store --serve` is to read so that it writes the archives of store paths, one right after the other.

The protocol is that of Nix's source (`serve-protocol.hh`), unchanged in this since version 2.1 of it: numbers have 64 bits,
little-endian; a text has its length before it, and zeros behind it up to a multiple of eight bytes. Nothing of it needs an
answer before the next request, so that a file can be prepared with all of them.
"""

from __future__ import annotations

import struct
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Iterable

MAGIC = 0x390C9DEB
VERSION = 0x205
DUMP_STORE_PATH = 3
ALIGNMENT = 8


def requests(paths: Iterable[str]) -> bytes:
    """Return the requests for the archives of ``paths``. Before them, the server sends a greeting of 16 bytes."""
    return b"".join([_number(MAGIC), _number(VERSION), *(_number(DUMP_STORE_PATH) + _text(path) for path in paths)])


def _number(value: int) -> bytes:
    return struct.pack("<Q", value)


def _text(text: str) -> bytes:
    data = text.encode()
    return _number(len(data)) + data + bytes(-len(data) % ALIGNMENT)
