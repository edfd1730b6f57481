# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is over, in each of the forms that it can be written down in."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from . import spool
from . import trace_stages as trace_stages
from .chrome import chrome_trace
from .document import document
from .markdown import markdown
from .page import page
from .rows import rows
from .stages import stages

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from .events import TaskEvent
    from .records import HostRecord
    from .rows import Row
    from .run import Run


@dataclasses.dataclass(frozen=True)
class Course:
    """What became of the hosts of ``run``, and all events on the way there in their order.

    ``began`` is the run's start on the clock of the events, and ``trace_spool`` holds what tasks have added to its trace.
    """

    run: Run
    hosts: Sequence[HostRecord]
    events: Sequence[TaskEvent]
    began: float
    trace_spool: Path

    @property
    def rows(self) -> Sequence[Row]:
        """The rows of its trace."""
        return rows(trace_stages.stages(self.events), spool.read(self.trace_spool))


FORMS: Mapping[str, Callable[[Course], str]] = {
    "json": lambda course: _json(document(course.run, course.hosts, stages(course.events)), indent=2),
    "markdown": lambda course: markdown(course.run, course.hosts),
    "html": lambda course: page(course.run, course.hosts),
    "trace": lambda course: _json(chrome_trace(course.run, course.began, course.rows)),
}


def _json(value: t.Any, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, default=str) + "\n"
