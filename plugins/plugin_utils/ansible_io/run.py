# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run of Ansible that all hosts of it share, by a name that their journals keep."""

from __future__ import annotations

import contextlib
import datetime
import multiprocessing
import os
import pathlib
import secrets
import tempfile

from ansible import constants

from ..rollout.ledger import Ledger


def new_name() -> str:
    """Return a name that is not given twice, and says when it was given."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def end_with_run() -> None:
    """End this process where the run that it works for is gone: killed, it could not end its processes itself."""
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:
        raise SystemExit("the run that this was for is gone")


def run_directory() -> pathlib.Path:
    """Return the directory that Ansible makes for each run, the same in each of its processes, and removes at its end."""
    return pathlib.Path(constants.DEFAULT_LOCAL_TMP)


def ledger() -> Ledger:
    """Return what the hosts of this run tell each other."""
    return Ledger(run_directory() / "nix.fleet-rollout")


def stores_ledger() -> pathlib.Path:
    """Return the file in which the hosts of this run write down what is in their stores; see ``cascade.ledger``."""
    return run_directory() / "nix.fleet-cascade" / "ledger"


def copies_directory() -> pathlib.Path:
    """Return where the copies of this run see to it that they keep to what all of them may use; see ``transport.budget``."""
    directory = run_directory() / "nix.fleet-copies"
    directory.mkdir(exist_ok=True)
    return directory


def progress_pipe() -> pathlib.Path:
    """Return where hosts say what they do at the moment, if anybody listens."""
    return run_directory() / "nix.fleet-progress"


def trace_spool() -> pathlib.Path:
    """Return where processes note what Nix did for their hosts, if a trace is wanted."""
    return run_directory() / "nix.fleet-trace"


def run_name() -> str:
    """Return the name of this run of Ansible. Whoever asks first writes it down for the others."""
    directory = run_directory()
    name = directory / "nix.fleet-run"
    if not name.exists():
        descriptor, draft = tempfile.mkstemp(dir=directory)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(new_name())
        # Only the first of several processes can give it its place, and it is whole by then.
        with contextlib.suppress(FileExistsError):
            os.link(draft, name)
        pathlib.Path(draft).unlink()
    return name.read_text(encoding="utf-8")
