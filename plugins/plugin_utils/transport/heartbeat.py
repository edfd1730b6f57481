# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Knowing, while a long command runs, whether the machine it talks to is still there."""

from __future__ import annotations

import threading
import typing as t

from .link import LinkLostError

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .link import Link

BEATS_PER_TIMEOUT = 4


class Heartbeat:
    """Runs a command over a link every few seconds, from another thread, for as long as the block lasts.

    When no beat comes back within ``timeout`` seconds the link is dropped: whatever waits for it then fails at once
    instead of waiting for the operating system to notice, and ``lost`` says why.
    """

    def __init__(self, link: Link, beat: Sequence[str], timeout: float) -> None:
        self.lost: LinkLostError | None = None
        self._link = link
        self._beat = beat
        self._timeout = timeout
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"heartbeat of {link.host}", daemon=True)

    def _watch(self) -> None:
        while not self._over.wait(self._timeout / BEATS_PER_TIMEOUT):
            try:
                self._link.run(self._beat, self._timeout)
            except LinkLostError as error:
                if not self._over.is_set():
                    self.lost = error
                    self._link.drop()
                return

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
