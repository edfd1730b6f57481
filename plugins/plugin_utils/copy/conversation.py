# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A script on another machine that is talked to line by line while it runs."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
import time
import typing as t

from ..core import process

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .link import Link

# One line, since it passes through whatever shell the user logs in to. `read` takes no more than the line, so that what
# follows the script is left to the script.
END = "nix.fleet end of script"
START = f'script=$(while IFS= read -r line && [ "$line" != "{END}" ]; do printf "%s\\n" "$line"; done); eval "$script"'
LONGEST_LINE = 4096
# What is said beyond that before anybody listens waits in the pipe.
LINES_KEPT = 1000
GOODBYE_SECONDS = 3.0


class ConversationError(Exception):
    """The script has ended, or does not answer."""


class Conversation:
    """Runs ``script`` over ``link`` for the length of a block. The end of its input is to be its end."""

    def __init__(self, link: Link, script: str, arguments: Sequence[str]) -> None:
        self._command = link.command(["sh", "-c", START, "sh", *arguments])
        self._script = script
        self._heard: queue.Queue[str | None] = queue.Queue(LINES_KEPT)

    def __enter__(self) -> Conversation:
        self._remote = process.start(self._command)
        try:
            threading.Thread(target=self._listen, name="listener", daemon=True).start()
            self.say([*self._script.splitlines(), END])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        with contextlib.suppress(OSError):
            self._remote.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._remote.process.wait(GOODBYE_SECONDS)
        process.end_group(self._remote.process)

    def say(self, lines: Iterable[str]) -> None:
        """Send some lines. That the script has ended is found out by whoever hears on: it may have said why."""
        with contextlib.suppress(OSError):
            self._remote.stdin.write("".join(f"{line}\n" for line in lines).encode())
            self._remote.stdin.flush()

    def hear(self, deadline: float) -> str:
        """Return the next line, which must come before ``deadline``, by the monotonic clock."""
        try:
            line = self._heard.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty as silent:
            raise ConversationError("there is no answer") from silent
        if line is None:
            raise ConversationError("the session has ended")
        return line

    def _listen(self) -> None:
        while line := self._remote.stdout.readline(LONGEST_LINE):
            self._heard.put(line.decode(errors="replace").rstrip("\r\n"))
        self._heard.put(None)
