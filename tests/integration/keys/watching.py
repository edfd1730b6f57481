# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that any process of controller and fleet can be seen to have been told; the fleet's are children of ours."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

PAUSE = 0.002


class Watch:
    """The arguments and the environment of each process that there was, as far as one can look."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._over = threading.Event()

    def look(self) -> None:
        """Look until it is over."""
        while not self._over.wait(PAUSE):
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    with contextlib.suppress(OSError):
                        self.seen.add((process / name).read_bytes())

    def end(self) -> None:
        """Look no more."""
        self._over.set()


@contextlib.contextmanager
def watching() -> Iterator[Watch]:
    """Watch all processes for the length of the block."""
    watch = Watch()
    thread = threading.Thread(target=watch.look, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.end()
        thread.join()
