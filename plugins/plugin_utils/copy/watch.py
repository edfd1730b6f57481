# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Noticing that a machine has gone away, long before the operating system does."""

from __future__ import annotations

import threading
import time
import typing as t

from .link import LinkLostError

if t.TYPE_CHECKING:
    from .link import Link


class Watch:
    """Drops a link after ``timeout`` seconds without ``seen`` being called.

    Whatever waits for the link then fails at once, and ``lost`` says why it did.
    """

    def __init__(self, link: Link, timeout: float) -> None:
        self.lost: LinkLostError | None = None
        self.link = link
        self.timeout = timeout
        self._over = threading.Event()
        self._last = time.monotonic()
        self._thread = threading.Thread(target=self._wait, name=f"watch over {link.host}", daemon=True)

    def seen(self) -> None:
        """Take note of a sign of life."""
        self._last = time.monotonic()

    def give_up(self, reason: str) -> None:
        """Drop the link, unless all is over anyway."""
        if not self._over.is_set() and self.lost is None:
            self.lost = LinkLostError(f"{self.link.host}: {reason}")
            self.link.drop()

    def _wait(self) -> None:
        while not self._over.wait(min(1.0, self.timeout / 4)):
            if time.monotonic() - self._last > self.timeout:
                self.give_up(f"no sign of life for {self.timeout:g} s")
                return

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
