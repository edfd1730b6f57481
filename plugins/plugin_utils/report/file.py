# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaving a report where it was asked for."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Iterator


def write(path: Path, text: str) -> None:
    """Make ``text`` the content of ``path``, so that nobody ever reads half of it.

    A report may hold what programs have printed: the file is for its owner alone. What is no file, such as
    /dev/stdout, is written to as it is. What is no character, as a program may have printed it, is a question mark.
    """
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8", errors="replace")
        return
    with _draft_beside(path) as draft:
        draft.write_text(text, encoding="utf-8", errors="replace")
        draft.replace(path)


def remove_earlier(path: Path) -> None:
    """See to it that a run that does not get to its end leaves no report, instead of an earlier run's.

    Raises ``OSError`` where none could be written.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists() and not path.is_file():
        return
    with _draft_beside(path):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _draft_beside(path: Path) -> Iterator[Path]:
    # tempfile makes files for their owner alone, whatever the umask.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    draft = Path(name)
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)
