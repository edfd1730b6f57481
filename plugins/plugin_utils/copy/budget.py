# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the copies of one run may use together: so many bytes a second, and so many of them at a time."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import struct
import time
import typing as t

from ..core.errors import CopyError

if t.TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator

LOOK_SECONDS = 0.2

# When the line is free again, by the monotonic clock, which all processes of a machine share.
FREE_AT = struct.Struct("d")


@dataclasses.dataclass(frozen=True)
class Bandwidth:
    """So many bytes a second, for all who name the same ``file``: each takes its place in line behind those before it."""

    file: pathlib.Path
    bytes_per_second: int

    def take(self, amount: int) -> None:
        """Return when ``amount`` bytes may be sent; raises ``CopyError`` where no file can be locked."""
        with _limit_kept(), self.file.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            written = file.read(FREE_AT.size)
            now = time.monotonic()
            begin = max(now, *FREE_AT.unpack(written)) if len(written) == FREE_AT.size else now
            file.truncate(0)
            file.write(FREE_AT.pack(begin + amount / self.bytes_per_second))
        time.sleep(begin - now)


@contextlib.contextmanager
def turn(file: pathlib.Path, most: int, *, waiting: Callable[[], None], look: Callable[[], None]) -> Iterator[None]:
    """Be one of ``most`` at a time for the length of the block, among all who name the same ``file``.

    ``waiting`` is told when others have to be waited for, and ``look`` now and then while they are: what it raises ends that.
    Who is killed gives up its turn, since the kernel keeps the locks. Raises ``CopyError`` where no file can be locked.
    """
    with _opened(file) as places:
        if not _seated(places, most):
            waiting()
            while not _seated(places, most):
                time.sleep(LOOK_SECONDS)
                look()
        yield


@contextlib.contextmanager
def turn_if_free(file: pathlib.Path, most: int) -> Iterator[bool]:
    """Yield whether there was a turn, as ``turn`` has it, without waiting for one."""
    with _opened(file) as places:
        yield _seated(places, most)


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[t.IO[bytes]]:
    with contextlib.ExitStack() as stack:
        with _limit_kept():
            file = stack.enter_context(path.open("a+b"))
        # What goes wrong with a copy is none of the limit's.
        yield file


@contextlib.contextmanager
def _limit_kept() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CopyError(
            f"the copies of this run cannot keep to a limit together: {error}",
            advice="Ansible's local_tmp must be on a file system with room and with locks; or set no limit",
        ) from error


def _seated(places: t.IO[bytes], most: int) -> bool:
    """Whether one of the file's first bytes could be locked, which may lie beyond its end."""
    with _limit_kept():
        for place in range(most):
            with contextlib.suppress(BlockingIOError, PermissionError):
                fcntl.lockf(places, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                return True
    return False
