# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command leaves running costs as well: an evaluator is nobody's child any more when it ends, and in no account."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
import typing as t

if t.TYPE_CHECKING:
    from .processes import Processes

# linux/prctl.h
_SET_CHILD_SUBREAPER = 36
_PAUSE = 0.01


@contextlib.contextmanager
def adopted() -> t.Iterator[None]:
    """Be the parent of all that is left running below this process meanwhile, instead of the system's first one."""
    _become(1)
    try:
        yield
    finally:
        # The rehearsal fleet's own processes are to be nobody's here: they would never be gone when they have ended.
        _become(0)


def spent_by_orphans(processes: Processes, patience: float) -> float:
    """Return the seconds of the processor that those of ``processes`` have used whose parents ended before them.

    Waits ``patience`` seconds for those that have not ended. What goes on after that, as a session of ssh's that is kept, is
    left out.
    """
    left, spent = set(processes.seen), 0.0
    deadline = time.monotonic() + patience
    while True:
        for process in sorted(left):
            try:
                ended, _status, usage = os.wait4(process, os.WNOHANG)
            except ChildProcessError:
                # Somebody else's: it is in the account of that one, unless that one ends first.
                if process not in processes.alive():
                    left.discard(process)
                continue
            if ended:
                left.discard(process)
                spent += usage.ru_utime + usage.ru_stime
        if not left or time.monotonic() > deadline:
            return spent
        time.sleep(_PAUSE)


def _become(subreaper: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, subreaper, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no parent of orphans")
