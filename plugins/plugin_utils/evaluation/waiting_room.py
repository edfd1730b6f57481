# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that wait for their results: the kernel wakes each when there is its own, and none of them looks for it meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# A file may be locked where it has no bytes. So many are places enough that hardly two attributes share one, and two that
# do wake each other's hosts for nothing.
PLACES = 1 << 62


class WaitingRoom:
    """A file with a byte for each attribute, all of them locked by the process that evaluates.

    It unlocks that of each attribute whose result it has told, and the kernel all that are left when it ends, however that
    comes about. A lock says when to look for a result, and not that there is one: a file system without such locks costs
    those who wait a look now and then.

    The locks are those that a process loses when it closes the file, however often it has it open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def locked(self) -> Iterator[Callable[[str], None]]:
        """Have everybody wait; the value lets those go who wait for an attribute."""
        with self.path.open("a+b") as file:
            _lock(file, fcntl.LOCK_EX, PLACES, 0)
            yield lambda attribute: _lock(file, fcntl.LOCK_UN, 1, _place(attribute))

    def wait(self, attribute: str) -> None:
        """Return when nobody has the attribute locked."""
        with self.path.open("a+b") as file:
            _lock(file, fcntl.LOCK_SH, 1, _place(attribute))


def _lock(file: t.IO[bytes], kind: int, length: int, first: int) -> None:
    with contextlib.suppress(OSError):
        fcntl.lockf(file, kind, length, first)


def _place(attribute: str) -> int:
    return int.from_bytes(hashlib.sha256(attribute.encode()).digest()[:8], "big") % PLACES
