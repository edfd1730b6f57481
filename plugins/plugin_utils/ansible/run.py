# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run of Ansible that all hosts of it share: its name, its directory, its end, and the processes that work for it."""

from __future__ import annotations

import contextlib
import datetime
import errno
import functools
import hashlib
import multiprocessing
import os
import pathlib
import secrets
import signal
import tempfile
import threading
import time
import typing as t
from pathlib import Path

from ansible import constants
from ansible.utils.display import Display

from ..core.errors import NixError
from ..core.private_directory import replace_file
from ..core.process import await_end, end_all
from ..run_state.job import workflow_run
from ..run_state.run_state import RunState
from .shell import LOOK_SECONDS, end_children

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.process import BaseProcess


def new_name() -> str:
    """Return a name that is not given twice, and says when it was given."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def end_with_run() -> None:
    """End this process where the run that it works for is gone: killed, it could not end its processes itself."""
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:
        raise SystemExit("the run that this was for is gone")


# For what is under way to come to its end once nothing of it runs any more, and for a directory to be removed.
SECONDS_TO_END = 10.0


def watch_run() -> None:
    """Have all that this process runs ended with the run that it works for, from now on.

    Whoever kills a run, as servers do that cancel a job, kills its first process. Its workers hear nothing of it.
    """
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        threading.Thread(target=_end_after, args=(parent.pid,), name="run", daemon=True).start()


def let_threads_print() -> None:
    """Let every thread of this worker print, and not only the one that Ansible forked.

    Ansible forks with its lock on standard output held. Of a worker, that lock would be the forked thread's for ever; below
    ansible-runner, and so in AWX, every thread that says something writes there itself.
    """
    if multiprocessing.parent_process() is not None:
        with contextlib.suppress(AttributeError, RuntimeError):
            Display()._lock.release()


def _end_after(run: int) -> None:
    await_end(run)
    threading.Thread(target=end_all, daemon=True).start()
    deadline = time.monotonic() + SECONDS_TO_END
    while time.monotonic() < deadline:
        # Again and again, since a connection may be made anew.
        end_children()
        time.sleep(LOOK_SECONDS)
    os._exit(1)


def run_directory() -> pathlib.Path:
    """Return the directory that Ansible makes for each run, the same in each of its processes, and removes at its end."""
    return pathlib.Path(constants.DEFAULT_LOCAL_TMP)


def progress_pipe() -> pathlib.Path:
    """Return where hosts say what they do at the moment, if anybody listens."""
    return run_directory() / "nix.fleet-progress"


def run_state() -> RunState:
    """Return what the processes of this run tell each other."""
    return _state_in(run_directory())


@functools.cache
def _state_in(directory: pathlib.Path) -> RunState:
    # One a process, so that its file is opened once.
    return RunState(directory)


# Ansible loads callbacks and actions before it forks the processes that work for hosts: all of these have it from there.
_NAME = new_name()


def run_id(variables: Mapping[str, t.Any]) -> str:
    """Return the name by which hosts are taken back: of this run, or of the whole workflow of AWX that it is a job of."""
    return workflow_run(variables) or _NAME


# Of so many fleets the last run is remembered, by when one was deployed to.
FLEETS_KEPT = 64


def _last_runs(sources: Sequence[str]) -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state, "nix.fleet", "fleets", hashlib.sha256("\n".join(sources).encode()).hexdigest()[:16])


def last_run(own: str, sources: Sequence[str]) -> str | None:
    """Return the name of the last run from this controller that has changed a host, and is not ``own``.

    Runs count that were of the same inventory ``sources``: another fleet's is none to take back.
    """
    try:
        names = _last_runs(sources).read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return next((name for name in names if name != own), None)


def remember_run(own: str, sources: Sequence[str]) -> None:
    """Keep the name of this run, which has changed a host of the inventory ``sources``, for who wants to take it back."""
    file = _last_runs(sources)
    # Taken back by its name, it can be as well.
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(file, "\n".join(filter(None, (own, last_run(own, sources)))))
        newest_first = sorted(file.parent.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
        for old in newest_first[FLEETS_KEPT:]:
            old.unlink(missing_ok=True)


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


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def no_room(error: OSError) -> NixError | None:
    """Return what ``error`` means, if it is that there is nowhere to write."""
    if error.errno not in NO_ROOM:
        return None
    place = str(error.filename) if error.filename else next(_full(), "")
    return NixError(
        f"{place or 'a directory'} on the controller cannot be written: {os.strerror(error.errno)}",
        code="no_room",
        advice="make room there; or name other places, for Ansible's own files in ANSIBLE_LOCAL_TEMP, for temporary ones in"
        " TMPDIR, for caches in XDG_CACHE_HOME, for links to what is built in XDG_STATE_HOME",
    )


def _full() -> Iterator[str]:
    """Yield those of the places where we write that are full, for an error that names none."""
    home = Path("~").expanduser()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    for place in (run_directory(), caches, Path(tempfile.gettempdir()), home):
        try:
            status = os.statvfs(place)
        except OSError:
            continue
        if not status.f_bavail or (status.f_files and not status.f_favail) or status.f_flag & os.ST_RDONLY:
            yield str(place)
