# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each host does at the moment: the pipe on which its process says so, and the board that collects it."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import os
import select
import typing as t

from ..core.text import duration, harmless_line

if t.TYPE_CHECKING:
    from collections.abc import Iterable
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
    line = (
        json.dumps([progress.host, text, progress.seconds, progress.deployment], ensure_ascii=False).encode(
            errors="replace"
        )
        + b"\n"
    )
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


# Many tasks have nothing to do for a host, and there is a moment between any two. What is over sooner than that is
# not shown.
BRIEF_SECONDS = 1.0
# What goes back by itself says so by then; what has not may be stopped.
SILENT_SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Work:
    """A host's task: what it does now, since when it does that, and since when the host has been at work in this run.

    ``before`` is what it did before. ``goes_back`` is when the machine returns to what it ran before, unless it is
    confirmed by then; ``asks`` whether the task waits for a person at the keyboard; ``over`` when it ended.
    """

    host: str
    what: str
    began: float
    arrived: float
    before: str = ""
    goes_back: float | None = None
    asks: bool = False
    over: float | None = None

    def text(self, now: float) -> str:
        """Return what it does, and for how long it may."""
        what = self.before if self.before and self.is_brief(now) else self.what
        if self.goes_back is None:
            return what
        left = round(self.goes_back - now)
        if left > 0:
            return f"{what}, {left} s left"
        if left > -SILENT_SECONDS:
            return f"{what}: its time is over, and it goes back by itself"
        return f"{what}: its time is over, and it has not said that it went back"

    def is_brief(self, now: float) -> bool:
        """Whether it has only just begun."""
        return now - self.began < BRIEF_SECONDS

    def is_shown(self, now: float) -> bool:
        """Whether the host is at work, or has been a moment ago."""
        return self.over is None or now - self.over < BRIEF_SECONDS


class Board:
    """The hosts of a play."""

    def __init__(self) -> None:
        self._hosts: tuple[str, ...] = ()
        self._arrived: dict[str, float] = {}
        self._working: dict[str, Work] = {}
        self._did: dict[str, str] = {}
        # When the machine does, and the id by which it can be confirmed until then.
        self._goes_back: dict[str, tuple[float | None, str]] = {}
        self._finished: dict[str, str] = {}

    def play(self, hosts: Iterable[str]) -> None:
        """Begin a play, or the next batch of one. Who is done stays so until it has a task again."""
        self._hosts = tuple(hosts)
        self._working.clear()

    def begin(self, host: str, what: str, at: float, *, asks: bool = False) -> None:
        """Note that a task began."""
        arrived = self._arrived.setdefault(host, at)
        goes_back, _deployment = self.awaited(host)
        self._working[host] = Work(host, what, at, arrived, self._did.get(host, ""), goes_back, asks)

    def update(self, received: Iterable[Progress], at: float) -> None:
        """Note what the processes of hosts have sent."""
        for progress in received:
            if progress.deployment or progress.seconds is not None:
                ends = None if progress.seconds is None else at + progress.seconds
                self._goes_back[progress.host] = (ends, progress.deployment)
            work = self._working.get(progress.host)
            if work is not None and work.over is None:
                goes_back, _deployment = self.awaited(progress.host)
                self._working[progress.host] = dataclasses.replace(
                    work, what=progress.text, before="", goes_back=goes_back
                )

    def end(self, host: str, at: float, *, awaits: bool = False) -> None:
        """Note that a task ended; ``awaits`` says that the machine still waits to be confirmed."""
        if not awaits:
            self._goes_back.pop(host, None)
        self._finished.pop(host, None)
        if host in self._working:
            self._did[host] = self._working[host].what
            self._working[host] = dataclasses.replace(self._working[host], over=at)

    def skip(self, host: str, at: float) -> None:
        """Note that a task had nothing to do for a host."""
        if host in self._finished:
            self._working.pop(host, None)
        elif host in self._working:
            work = self._working[host]
            self._working[host] = dataclasses.replace(work, what=work.before or work.what, over=at)

    def finish(self, host: str, state: str) -> None:
        """Note the state of a host that is done, as far as is known."""
        self._finished[host] = state
        self._working.pop(host, None)

    def awaited(self, host: str) -> tuple[float | None, str]:
        """Return when the machine goes back by itself, None where nobody said, and the id by which it can be confirmed."""
        return self._goes_back.get(host, (None, ""))

    def has_begun(self, host: str) -> bool:
        """Whether the host has had a task."""
        return host in self._arrived

    @property
    def unfinished(self) -> list[str]:
        """The hosts that have begun and are not done, in the order in which they began."""
        return [host for host in self._arrived if host not in self._finished]

    def working(self, now: float) -> list[Work]:
        """Return the hosts with a task, and first those that have been at work for longest."""
        shown = [
            work
            for work in self._working.values()
            if work.is_shown(now) and not (work.host in self._finished and work.is_brief(now))
        ]
        return sorted(shown, key=lambda work: work.arrived)

    def is_busy(self) -> bool:
        """Whether anybody is at work, and nobody has to type something for it."""
        busy = [work for work in self._working.values() if work.over is None]
        return bool(busy) and not any(work.asks for work in busy)

    @property
    def widest(self) -> int:
        """How many characters the longest of the hosts' names has."""
        return max(map(len, self._hosts), default=0)

    def counts(self, now: float, seconds: float) -> str:
        """Return all hosts in one line: ``7 hosts: 2 at work, 4 confirmed, 1 waiting (45 s)``."""
        working = {work.host for work in self.working(now)}
        hosts = dict.fromkeys((*self._hosts, *working))
        counts = {"at work": len(working)}
        finished = [state for host, state in self._finished.items() if host in hosts and host not in working]
        counts |= collections.Counter(finished)
        counts["waiting"] = len(hosts) - sum(counts.values())
        text = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        return f"{len(hosts)} {'host' if len(hosts) == 1 else 'hosts'}: {text or 'none at work'} ({duration(seconds)})"
