# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories of ours on the controller, whose contents are believed: nobody else may have made them or write to them.

And files that are replaced as a whole.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

from .errors import NixError

# Less than this is as good as no room at all.
LEAST_ROOM = 64 << 10


def private_directory(path: Path, *, advice: str) -> Path:
    """Return ``path``, made if it was not there; raises ``NixError`` when others have a hand in it or in what it is in, or there is no room."""
    try:
        for directory in (path.parent, path):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = directory.stat()
            if status.st_uid != os.geteuid():
                raise NixError(
                    f"{directory} belongs to another user (uid {status.st_uid})",
                    code="foreign_directory",
                    advice=advice,
                )
            if status.st_mode & stat.S_IWOTH:
                raise NixError(f"{directory} can be written by others", code="open_directory", advice=advice)
        if not os.access(path, os.W_OK | os.X_OK):
            raise NixError(f"{path} cannot be written", code="unwritable", advice=advice)
        # Neither the free blocks nor the free inodes of a file system say what this user may have of them.
        with tempfile.TemporaryFile(dir=path, buffering=0) as file:
            file.write(bytes(LEAST_ROOM))
            if file.tell() < LEAST_ROOM:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError as error:
        raise NixError(f"{path} cannot be used: {error.strerror}", code="unusable", advice=advice) from error
    return path


def replace_file(file: Path, text: str, mode: int = 0o600) -> None:
    """Put a whole new file in place of ``file``: whoever reads it finds the old or the new one. Raises ``OSError``."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), mode)
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
