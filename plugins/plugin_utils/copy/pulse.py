# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs of life both ways, for as long as a socket of a machine is used, and the last question before it is closed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
import typing as t

from ..core import process
from .watch import Watch

if t.TYPE_CHECKING:
    from .link import Link

BEATS_PER_TIMEOUT = 4
GOODBYE_SECONDS = 2.0
CHUNK = 1 << 16

# Longer than a store of any size takes to say whether it has a few paths. Whoever then still wants to know asks anew.
ANSWER_SECONDS = 30.0
# How often it is seen meanwhile whether the machine is still there.
LOOK_SECONDS = 0.5
QUESTION = b"kept?\n"
# As guard.sh says it, and what is said in its place where nobody knows.
KEPT = b"all of it is kept"
UNKNOWN = b"that is not known"

# Hands the question on, and waits for the answer as long as somebody listens: see guard.sh. To open a pipe for both
# directions waits for nobody, also where the other end has gone.
ANSWER = (
    '[ -p "$1/../asked" ] && echo 1<>"$1/../asked" && until [ -e "$1/../answer" ]; do '
    'kill -0 "$!" || break; sleep 0.02 || sleep 1; done 2>/dev/null; '
    f'cat "$1/../answer" 2>/dev/null || echo "{UNKNOWN.decode()}"'
)

# Prints a line now and then, and leaves a file for each line it reads: see guard.sh. The end of its input is ours, and
# so that of the private daemon; the answer to a question is the last it says, and whoever hears it need not wait for
# the end. One line, since it passes through whatever shell the user logs in to.
PULSE = (
    'while echo; do sleep "$2" >/dev/null 2>&1; done & answer=; '
    'while [ -z "$answer" ] && read -r word; do [ -z "$1" ] || (: >"$1/beat") 2>/dev/null; '
    f'[ -z "$word" ] || answer=$({ANSWER}); done; '
    'kill "$!"; [ -z "$1" ] || (: >"$1/end") 2>/dev/null; echo "$answer"'
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
        self._private = signs is not None
        self._asked = False
        self._answer: bytes | None = None
        self._answered = threading.Event()

    def ask(self) -> None:
        """Ask whether all has arrived, and is kept, that the machine was opened for because it lacked some of it.

        Nothing may be sent any more, since the private daemon ends with the answer, for which the end of the block waits.
        """
        self._asked = self._private
        if self._asked:
            with contextlib.suppress(OSError):
                self._remote.stdin.write(QUESTION)
                self._remote.stdin.flush()

    def kept(self) -> bool:
        """Whether the machine has said yes, to be known when the block is over.

        False where only the explicit question can tell: see ``missing_paths``. Raises ``LinkLostError`` if the machine
        went away before it said anything.
        """
        self.check()
        return self._answer == KEPT

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
        if self._asked:
            self._await_answer()
        self._over.set()
        self._watch.__exit__()
        with contextlib.suppress(OSError):
            self._remote.stdin.close()
        if not (self._watch.lost or self._answer):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._remote.process.wait(GOODBYE_SECONDS)
        process.end_group(self._remote.process)

    def _await_answer(self) -> None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while not (self._answered.wait(LOOK_SECONDS) or self._watch.lost or time.monotonic() > deadline):
            pass

    def _listen(self) -> None:
        # In pieces: what the machine prints need have no end of line.
        said = b""
        while piece := os.read(self._remote.stdout.fileno(), CHUNK):
            self._watch.seen()
            said = (said + piece)[-CHUNK:]
            self._answer = next((answer for answer in (KEPT, UNKNOWN) if self._asked and answer in said), None)
            if self._answer:
                # The session is to end now.
                self._watch.__exit__()
                break
        else:
            self._watch.give_up("the session has ended")
        self._answered.set()

    def _beat(self) -> None:
        while not self._over.wait(self._period):
            with contextlib.suppress(OSError, ValueError):
                self._remote.stdin.write(b"\n")
                self._remote.stdin.flush()
