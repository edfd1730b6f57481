# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both sides of a connection show each other that they are there, for as long as something is copied."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
import typing as t

from ..core import process
from ..target.programs import calling, from_stdin
from .ssh import LinkLostError

if t.TYPE_CHECKING:
    from .ssh import Link

KEEPALIVES_PER_TIMEOUT = 4
GOODBYE_SECONDS = 2.0
CHUNK = 1 << 16

# Longer than a store of any size takes to say whether it has a few paths. Whoever then still wants to know asks anew.
ANSWER_SECONDS = 30.0
# How often it is checked meanwhile whether the machine is still there.
POLL_SECONDS = 0.5
QUESTION = b"complete?\n"
# As target/private_daemon.sh says it.
COMPLETE = b"nix.fleet: the closure is complete"
UNKNOWN = b"nix.fleet: the closure may be incomplete"


class Watchdog:
    """Drops a link after ``timeout`` seconds without ``alive`` being called.

    Whatever waits for the link then fails at once, and ``lost`` says why it did.
    """

    def __init__(self, link: Link, timeout: float) -> None:
        self.lost: LinkLostError | None = None
        self.link = link
        self.timeout = timeout
        self._over = threading.Event()
        self._last = time.monotonic()
        self._thread = threading.Thread(target=self._wait, name=f"watchdog of {link.host}", daemon=True)

    def alive(self) -> None:
        """Take note of a keepalive."""
        self._last = time.monotonic()

    def give_up(self, reason: str) -> None:
        """Drop the link, unless all is over anyway."""
        if not self._over.is_set() and self.lost is None:
            self.lost = LinkLostError(f"{self.link.host}: {reason}")
            self.link.drop()

    def _wait(self) -> None:
        while not self._over.wait(min(1.0, self.timeout / 4)):
            if time.monotonic() - self._last > self.timeout:
                self.give_up(f"no keepalive for {self.timeout:g} s")
                return

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()


class Keepalive:
    """A command on the machine that shows each side that the other is there; see ``Watchdog`` for what happens if not.

    ``directory`` is that of a private daemon, if there is one: see ``StoreSocket``. What the machine prints does not wait
    behind what is copied to it, so that a slow line is not taken for a dead one.
    """

    def __init__(self, link: Link, directory: str | None, timeout: float) -> None:
        self._watchdog = Watchdog(link, timeout)
        self._period = timeout / KEEPALIVES_PER_TIMEOUT
        seconds = str(max(1, round(self._period)))
        words, self._program = from_stdin(calling("private_daemon", "keepalive_run"), directory or "", seconds)
        self._command = link.command(words)
        self._over = threading.Event()
        self._private = directory is not None
        self._asked = False
        self._answer: bytes | None = None
        self._answered = threading.Event()

    def ask(self) -> None:
        """Ask whether all has arrived, and is kept, that the socket was opened for because the machine lacked some of it.

        Nothing may be sent any more, since the private daemon ends with the answer, for which the end of the block waits.
        """
        self._asked = self._private
        if self._asked:
            self._write(QUESTION)

    def is_complete(self) -> bool:
        """Whether the machine has said yes, to be known when the block is over.

        False where only the explicit question can tell: see ``missing_paths``. Raises ``LinkLostError`` if the machine
        went away before it said anything.
        """
        self.check()
        return self._answer == COMPLETE

    def check(self) -> None:
        """Raise ``LinkLostError`` if the machine has gone away."""
        if self._watchdog.lost:
            raise self._watchdog.lost

    def __enter__(self) -> Keepalive:
        self._remote = process.start(self._command)
        self._write(self._program)
        self._watchdog.__enter__()
        for work in (self._listen, self._keep_alive):
            threading.Thread(target=work, name=f"keepalive of {self._watchdog.link.host}", daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._asked:
            self._await_answer()
        self._over.set()
        self._watchdog.__exit__()
        with contextlib.suppress(OSError):
            self._remote.stdin.close()
        if not (self._watchdog.lost or self._answer):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._remote.process.wait(GOODBYE_SECONDS)
        process.end_group(self._remote.process)

    def _await_answer(self) -> None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while not (self._answered.wait(POLL_SECONDS) or self._watchdog.lost or time.monotonic() > deadline):
            pass

    def _listen(self) -> None:
        # In pieces: what the machine prints need have no end of line.
        printed = b""
        while piece := os.read(self._remote.stdout.fileno(), CHUNK):
            self._watchdog.alive()
            printed = (printed + piece)[-CHUNK:]
            self._answer = next((answer for answer in (COMPLETE, UNKNOWN) if self._asked and answer in printed), None)
            if self._answer:
                # The session is to end now.
                self._watchdog.__exit__()
                break
        else:
            self._watchdog.give_up("the session has ended")
        self._answered.set()

    def _keep_alive(self) -> None:
        while not self._over.wait(self._period):
            self._write(b"\n")

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._remote.stdin.write(data)
            self._remote.stdin.flush()
