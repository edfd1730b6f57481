# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much memory processes have between them at most, as the kernel tells while they run."""

from __future__ import annotations

import contextlib
import threading
import typing as t
from pathlib import Path

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SECONDS_BETWEEN_LOOKS = 0.2


class PeakMemory:
    """The most bytes that the processes had at a time, looked at from the beginning of the block to its end.

    ``processes`` is asked each time who they are. What they share is counted once. Files on a disk that is in memory are
    not theirs, unless they have them mapped.
    """

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        self.bytes = 0
        self._processes = processes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_of_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            self.bytes = max(self.bytes, sum(map(memory_of, self._processes())))
            if self._ended.wait(_SECONDS_BETWEEN_LOOKS):
                return


def memory_of(process: int) -> int:
    """Return the bytes of memory of a process, with its part of what it shares."""
    # One that ends meanwhile has none.
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
