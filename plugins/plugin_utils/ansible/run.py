# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run of Ansible that all hosts of it share, by a name that their journals keep."""

from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import multiprocessing
import os
import pathlib
import secrets
import tempfile
import threading
import time

from ansible import constants

from ..core.process import await_end, end_all
from ..run_state.run_state import RunState
from .bounded import LOOK_SECONDS, end_children


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


def stores_ledger() -> pathlib.Path:
    """Return the file in which the hosts of this run write down what is in their stores; see ``cascade.ledger``."""
    return run_directory() / "nix.fleet-cascade" / "ledger"


def progress_pipe() -> pathlib.Path:
    """Return where hosts say what they do at the moment, if anybody listens."""
    return run_directory() / "nix.fleet-progress"


def run_state() -> RunState:
    """Return what the processes of this run tell each other."""
    return RunState(run_directory())


def run_name() -> str:
    """Return the name of this run of Ansible. Whoever asks first writes it down for the others."""
    directory = run_directory()
    try:
        return _written_name(directory)
    except OSError:
        # No room, or no such directory any more: another time for each, and the rest is the same.
        return f"{new_name().partition('-')[0]}-{hashlib.sha256(str(directory).encode()).hexdigest()[:8]}"


def _written_name(directory: pathlib.Path) -> str:
    name = directory / "nix.fleet-run"
    if not name.exists():
        descriptor, draft = tempfile.mkstemp(dir=directory)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(new_name())
        # Only the first of several processes can give it its place, and it is whole by then.
        with contextlib.suppress(FileExistsError):
            os.link(draft, name)
        pathlib.Path(draft).unlink()
    # A file system without room makes files that stay empty.
    written = name.read_text(encoding="utf-8")
    if not written:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return written
