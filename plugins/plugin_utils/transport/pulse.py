# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs of life both ways, for as long as a socket of a machine is used."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import typing as t

from .. import process
from .watch import Watch

if t.TYPE_CHECKING:
    from .link import Link

BEATS_PER_TIMEOUT = 4
GOODBYE_SECONDS = 2.0
CHUNK = 1 << 16

# Prints a line now and then, and leaves a file for each line it reads: see guard.sh. The end of its input is ours, and
# so that of the private daemon. One line, since it passes through whatever shell the user logs in to.
PULSE = (
    'while echo; do sleep "$2" >/dev/null 2>&1; done & '
    'while read -r beat; do [ -z "$1" ] || (: >"$1/beat") 2>/dev/null; done; '
    'kill "$!"; [ -z "$1" ] || (: >"$1/end") 2>/dev/null'
)


class Pulse:
    """A command on the machine that shows each side that the other is there; see ``Watch`` for what happens if not.

    ``signs`` is the directory of a private daemon's, if there is one: see ``Door``. What the machine prints does not wait behind what is
    copied to it, so that a slow line is not taken for a dead one.
    """

    def __init__(self, link: Link, signs: str | None, timeout: float) -> None:
        self._watch = Watch(link, timeout)
        self._period = timeout / BEATS_PER_TIMEOUT
        self._command = link.command(["sh", "-c", PULSE, "pulse", signs or "", str(max(1, round(self._period)))])
        self._over = threading.Event()

    def check(self) -> None:
        """Raise ``LinkLostError`` if the machine has gone away."""
        if self._watch.lost:
            raise self._watch.lost

    def __enter__(self) -> Pulse:
        self._remote = process.start(self._command)
        self._watch.__enter__()
        for work in (self._listen, self._beat):
            threading.Thread(target=work, name=f"pulse of {self._watch.link.host}", daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._watch.__exit__()
        with contextlib.suppress(OSError):
            self._remote.stdin.close()
        if not self._watch.lost:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._remote.process.wait(GOODBYE_SECONDS)
        process.end_group(self._remote.process)

    def _listen(self) -> None:
        # In pieces: what the machine prints need have no end of line.
        while os.read(self._remote.stdout.fileno(), CHUNK):
            self._watch.seen()
        self._watch.give_up("the session has ended")

    def _beat(self) -> None:
        while not self._over.wait(self._period):
            with contextlib.suppress(OSError, ValueError):
                self._remote.stdin.write(b"\n")
                self._remote.stdin.flush()
