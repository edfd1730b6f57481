# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pipe on which the process of a host says what it does at the moment."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import typing as t

from ..core.text import harmless_line

if t.TYPE_CHECKING:
    from pathlib import Path


LONGEST_TEXT = 120
CHUNK = 1 << 16


@dataclasses.dataclass(frozen=True)
class Progress:
    """What ``host`` does now, and in how many seconds the machine will go back by itself, if it will.

    ``deployment`` is the id by which it can be confirmed.
    """

    host: str
    text: str
    seconds: float | None = None
    deployment: str = ""


class ProgressPipe:
    """The end that reads. Raises ``OSError`` where there can be no pipe."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path, 0o600)
        self._path = path
        self._pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._begun = b""

    def read(self) -> list[Progress]:
        """Return what has been sent since the last time."""
        received = self._begun
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._pipe, CHUNK):
                received += chunk
        *lines, self._begun = received.split(b"\n")
        return [progress for progress in map(_progress, lines) if progress is not None]

    def close(self) -> None:
        """Stop reading."""
        os.close(self._pipe)
        self._path.unlink(missing_ok=True)


def has_reader(path: Path) -> bool:
    """Whether anybody reads what is sent."""
    return path.is_fifo()


def send(path: Path, progress: Progress) -> None:
    """Send ``progress`` to whoever reads, if anybody does."""
    text = harmless_line(progress.text)[:LONGEST_TEXT]
    words = json.dumps([progress.host, text, progress.seconds, progress.deployment], ensure_ascii=False)
    line = f"{words}\n".encode(errors="replace")
    # Up to that length, what several processes write at once does not mix.
    if len(line) > select.PIPE_BUF:
        return
    with contextlib.suppress(OSError):
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(pipe, line)
        finally:
            os.close(pipe)


def _progress(line: bytes) -> Progress | None:
    with contextlib.suppress(ValueError, TypeError):
        host, text, seconds, deployment = json.loads(line)
        return Progress(str(host), str(text), None if seconds is None else float(seconds), str(deployment))
    return None
