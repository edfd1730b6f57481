# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is over, written to the files that were asked for, each in its form."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import tempfile
import typing as t
from pathlib import Path

from .json_report import document, stages
from .nix_activities import read_notes
from .templates import markdown, page
from .trace import chrome_trace, rows, task_slices

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..run_state.run_state import RunState
    from .events import TaskEvent
    from .json_report import Run
    from .records import HostRecord
    from .trace import Row


def write(path: Path, text: str) -> None:
    """Make ``text`` the content of ``path``, so that nobody ever reads half of it.

    A report may hold what programs have printed: the file is for its owner alone. What is no file, such as
    /dev/stdout, is written to as it is. What is no character, as a program may have printed it, is a question mark.
    """
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8", errors="replace")
        return
    with _draft_beside(path) as draft:
        draft.write_text(text, encoding="utf-8", errors="replace")
        draft.replace(path)


def remove_earlier(path: Path) -> None:
    """See to it that a run that does not get to its end leaves no report, instead of an earlier run's.

    Raises ``OSError`` where none could be written.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists() and not path.is_file():
        return
    with _draft_beside(path):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _draft_beside(path: Path) -> Iterator[Path]:
    # tempfile makes files for their owner alone, whatever the umask.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    draft = Path(name)
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """What became of the hosts of ``run``, and all events on the way there in their order.

    ``began`` is the run's start on the clock of the events, and ``state`` holds what tasks have added to its trace.
    """

    run: Run
    hosts: Sequence[HostRecord]
    events: Sequence[TaskEvent]
    began: float
    state: RunState

    @property
    def rows(self) -> Sequence[Row]:
        """The rows of its trace."""
        return rows(task_slices(self.events), read_notes(self.state))


FORMS: Mapping[str, Callable[[FinishedRun], str]] = {
    "json": lambda finished: _json(document(finished.run, finished.hosts, stages(finished.events)), indent=2),
    "markdown": lambda finished: markdown(finished.run, finished.hosts),
    "html": lambda finished: page(finished.run, finished.hosts),
    "trace": lambda finished: _json(chrome_trace(finished.run, finished.began, finished.rows)),
}


def _json(value: t.Any, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, default=str) + "\n"
