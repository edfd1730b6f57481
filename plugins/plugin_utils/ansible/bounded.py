# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits to what is taken from a machine by a connection of Ansible's, which itself reads whatever comes for as long as it comes.

Ansible's connection plugins keep a program between the controller and the machine, such as ssh. When a limit is reached
that program is ended, and with it the wait.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

from ..core.errors import NixError

if t.TYPE_CHECKING:
    from collections.abc import Iterator

# By how much we may grow while we read one answer, of which Ansible has two copies at a time: the longest are some
# megabytes, the paths of a closure or the log of a build.
MOST_MEMORY = 128 << 20
LOOK_SECONDS = 0.25
# What only asks a machine something may wait there for a garbage collection, and for nothing that takes longer.
QUESTION_SECONDS = 1800.0


class NoAnswerError(NixError):
    """A machine had its time and did not use it: it may be at work, or gone without a word."""


class EndlessAnswerError(NixError):
    """A machine said more than there is memory for. It is not to be asked again: each time it could take as much more."""


@contextlib.contextmanager
def bounded(host: str, seconds: float | None = None) -> Iterator[None]:
    """End what is started in the block when it takes longer than ``seconds`` or more memory than there is for it."""
    watch = _Watch(seconds)
    try:
        with watch:
            yield
    except Exception as error:
        if not watch.reason:
            raise
        # Whatever the connection makes of its end.
        raise _refusal(host, watch) from error
    if watch.reason:
        raise _refusal(host, watch)


def _refusal(host: str, watch: _Watch) -> NixError:
    kind = NoAnswerError if watch.late else EndlessAnswerError
    return kind(
        watch.reason,
        host=host,
        advice=f"look at the machine: ansible {host} -m raw -a id; it may be overloaded, or not what it is taken for",
    )


class _Watch:
    """Looks at the time and at our memory now and then, in a thread of its own."""

    def __init__(self, seconds: float | None) -> None:
        self.reason = ""
        self.late = False
        self._seconds = seconds
        self._began = time.monotonic()
        self._memory = _most_memory()
        self._others = _children()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="limits", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        number = signal.SIGTERM
        while not self._over.wait(LOOK_SECONDS):
            self.reason = self.reason or self._exceeded()
            if self.reason:
                # Again and again, since it may be started again.
                _tell(_children() - self._others, number)
                number = signal.SIGKILL

    def _exceeded(self) -> str:
        if self._seconds is not None and time.monotonic() - self._began > self._seconds:
            self.late = True
            return f"the machine did not answer within {self._seconds:g} s"
        if _most_memory() - self._memory > MOST_MEMORY:
            return "the machine's answer has no end: it was cut off"
        return ""


def end_children() -> None:
    """End what keeps a connection to a machine, and whatever else we have started."""
    _tell(_children(), signal.SIGTERM)


def _tell(processes: set[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def _most_memory() -> int:
    """Return how much memory we have had at most, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _children() -> set[int]:
    """Return the processes that we have started."""
    own = Path("/proc/self/task")
    # Not every kernel says it.
    if (own / str(os.getpid()) / "children").exists():
        return {int(word) for thread in own.iterdir() for word in _children_of(thread)}
    listed = subprocess.run(["ps", "-A", "-o", "pid=", "-o", "ppid="], capture_output=True, text=True, check=False)
    pairs = (line.split() for line in listed.stdout.splitlines())
    return {int(process) for process, parent in pairs if parent == str(os.getpid()) and process != str(os.getpid())}


def _children_of(thread: Path) -> list[str]:
    """Return the processes that one of our threads has started; one that has ended in this moment has none."""
    try:
        return (thread / "children").read_text().split()
    except OSError:
        return []
