# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes in which Ansible works for hosts, which it waits for even when they are gone.

The strategies `free` and `host_pinned` wait without end for the result of a worker that was killed, for want of memory or by a
ctrl-C that reached Ansible's own process in the middle of a fork and was lost there.
"""

from __future__ import annotations

import multiprocessing
import signal
import typing as t

if t.TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

# In which Ansible, where it notices by itself, ends the run in its own way.
PATIENCE_SECONDS = 3.0


class Workers:
    """The workers of this run, looked at now and then."""

    def __init__(self) -> None:
        self._working: set[BaseProcess] = set()
        self._lost: tuple[float, str] | None = None

    def lost(self, now: float) -> str | None:
        """Return how the first worker ended that has ended without a result, once that is long enough ago.

        ``now`` are seconds on any clock that goes on steadily.
        """
        self._working.update(multiprocessing.active_children())
        for worker in tuple(self._working):
            code = _exit_code(worker)
            if code is None:
                continue
            self._working.discard(worker)
            if code and self._lost is None:
                self._lost = (now, f"the process that worked for {_host_of(worker)} {_ended(code)}")
        if self._lost is None or now - self._lost[0] < PATIENCE_SECONDS:
            return None
        return self._lost[1]


def _exit_code(worker: BaseProcess) -> int | None:
    try:
        return worker.exitcode
    except ValueError:
        # Ansible has closed it, as it does with those whose result has come.
        return 0


def _host_of(worker: BaseProcess) -> str:
    return str(getattr(worker, "_host", "a host"))


def _ended(code: int) -> str:
    if code > 0:
        return f"ended with exit code {code}"
    return f"was ended by signal {-code} ({signal.Signals(-code).name})"
