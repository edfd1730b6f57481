# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files as Nix archives them, and the store path that they have wherever they are added, worked out without Nix.

The format of the archive is that of the Nix manual, "Nix Archive (NAR) format"; that of the path is the manual's "Complete
Store Path Calculation", for a source without references.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import typing as t
from pathlib import Path

from ..core.errors import EvaluationError
from .store import STORE_DIRECTORY

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    # What is in a directory: files and links by where they are, and directories.
    Tree: t.TypeAlias = "Mapping[str, Path | Tree]"

ALIGNMENT = 8
# Nix leaves out the letters that make words.
LETTERS = "0123456789abcdfghijklmnpqrsvwxyz"
DIGEST_BYTES = 20
BITS_IN_LETTER = 5


def archive(tree: Tree, *, most_bytes: int) -> bytes:
    """Return the archive of ``tree``; raises ``EvaluationError`` when it is larger than ``most_bytes``."""
    parts = []
    size = 0
    for part in (_text(b"nix-archive-1"), *_node(tree)):
        size += len(part)
        if size > most_bytes:
            raise EvaluationError(
                f"the flake's files are more than {most_bytes >> 20} MiB",
                code="too_large",
                advice="keep large files out of the repository, or give a flake reference that the machine can fetch itself",
            )
        parts.append(part)
    return b"".join(parts)


def store_path(archived: bytes, name: str) -> str:
    """Return the path that what is ``archived`` has in a store, by ``nix-store --add`` of a file called ``name``."""
    content = hashlib.sha256(archived).hexdigest()
    digest = hashlib.sha256(f"source:sha256:{content}:{STORE_DIRECTORY}:{name}".encode()).digest()
    folded = bytearray(DIGEST_BYTES)
    for index, byte in enumerate(digest):
        folded[index % DIGEST_BYTES] ^= byte
    return f"{STORE_DIRECTORY}/{_base32(bytes(folded))}-{name}"


def _base32(data: bytes) -> str:
    """Return ``data`` as Nix writes it: its last bits first."""
    number = int.from_bytes(data, "little")
    letters = len(data) * 8 // BITS_IN_LETTER
    return "".join(LETTERS[number >> BITS_IN_LETTER * place & 0x1F] for place in reversed(range(letters)))


def _node(item: Path | Tree) -> Iterator[bytes]:
    yield _text(b"(")
    yield _text(b"type")
    if not isinstance(item, Path):
        yield _text(b"directory")
        for name, inner in sorted(item.items(), key=lambda entry: _encoded(entry[0])):
            yield b"".join(map(_text, (b"entry", b"(", b"name", _encoded(name), b"node")))
            yield from _node(inner)
            yield _text(b")")
    elif item.is_symlink():
        yield b"".join(map(_text, (b"symlink", b"target", _encoded(str(item.readlink())))))
    else:
        yield _text(b"regular")
        if item.stat().st_mode & stat.S_IXUSR:
            yield _text(b"executable") + _text(b"")
        yield _text(b"contents") + _text(item.read_bytes())
    yield _text(b")")


def _text(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + data + bytes(-len(data) % ALIGNMENT)


def _encoded(name: str) -> bytes:
    return name.encode(errors="surrogateescape")
