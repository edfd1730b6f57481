# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it means that a file could not be written on the controller: which place has no room, and what to do about it."""

from __future__ import annotations

import errno
import os
import tempfile
import typing as t
from pathlib import Path

from ..core.errors import NixError
from .run import run_directory

if t.TYPE_CHECKING:
    from collections.abc import Iterator

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def no_room(error: OSError) -> NixError | None:
    """Return what ``error`` means, if it is that there is nowhere to write."""
    if error.errno not in NO_ROOM:
        return None
    place = str(error.filename) if error.filename else next(_full(), "")
    return NixError(
        f"{place or 'a directory'} on the controller cannot be written: {os.strerror(error.errno)}",
        advice="make room there; or name other places, for Ansible's own files in ANSIBLE_LOCAL_TEMP, for temporary ones in"
        " TMPDIR, for caches in XDG_CACHE_HOME, for links to what is built in XDG_STATE_HOME",
    )


def _full() -> Iterator[str]:
    """Yield those of the places where we write that are full, for an error that names none."""
    home = Path("~").expanduser()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    for place in (run_directory(), caches, Path(tempfile.gettempdir()), home):
        try:
            status = os.statvfs(place)
        except OSError:
            continue
        if not status.f_bavail or (status.f_files and not status.f_favail) or status.f_flag & os.ST_RDONLY:
            yield str(place)
