# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of what a host does at the moment, from the process that does it to whoever draws it.

A named pipe in the directory of the run. Nobody waits for it: what finds no reader or a full pipe is lost, and the
next word makes up for it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import select
import typing as t

from ..core.terminal import harmless_line

if t.TYPE_CHECKING:
    from pathlib import Path

LONGEST_TEXT = 120
CHUNK = 1 << 16


@dataclasses.dataclass(frozen=True)
class Word:
    """What ``host`` does now, and in how many seconds the machine will go back by itself, if it will."""

    host: str
    text: str
    seconds: float | None = None


class Listener:
    """The end that reads. Raises ``OSError`` where there can be no pipe."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path, 0o600)
        self._path = path
        self._pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._begun = b""

    def hear(self) -> list[Word]:
        """Return what has been said since the last time."""
        told = self._begun
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._pipe, CHUNK):
                told += chunk
        *lines, self._begun = told.split(b"\n")
        return [word for word in map(_word, lines) if word is not None]

    def close(self) -> None:
        """Listen no more."""
        os.close(self._pipe)
        self._path.unlink(missing_ok=True)


def somebody_listens(path: Path) -> bool:
    """Whether what is said is heard."""
    return path.is_fifo()


def say(path: Path, word: Word) -> None:
    """Tell whoever listens, if anybody does."""
    text = harmless_line(word.text)[:LONGEST_TEXT]
    line = json.dumps([word.host, text, word.seconds], ensure_ascii=False).encode(errors="replace") + b"\n"
    # Up to that length, what several processes write at once does not mix.
    if len(line) > select.PIPE_BUF:
        return
    with contextlib.suppress(OSError):
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(pipe, line)
        finally:
            os.close(pipe)


def _word(line: bytes) -> Word | None:
    with contextlib.suppress(ValueError, TypeError):
        host, text, seconds = json.loads(line)
        return Word(str(host), str(text), None if seconds is None else float(seconds))
    return None
