# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report that programs read: the run, its hosts and their stages. docs/schemas/report-1.json says what is in it."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from .events import Failure, ended_tasks
from .records import MODULES, stage_of
from .summary import STATUS, view_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..run_state.job import Job
    from .events import TaskEvent
    from .records import HostRecord


OK, FAILED, UNREACHABLE = 0, 2, 4


@dataclasses.dataclass(frozen=True)
class Run:
    """``failed`` and ``unreachable`` are the hosts that Ansible counts so in the end."""

    id: str
    playbooks: tuple[str, ...]
    started: datetime.datetime
    seconds: float
    check_mode: bool = False
    failed: frozenset[str] = frozenset()
    unreachable: frozenset[str] = frozenset()
    job: Job | None = None
    fleet_options: str = ""

    @property
    def exit_code(self) -> int:
        """The code that ``ansible-playbook`` ends with, which a host that cannot be reached decides before all others."""
        if self.unreachable:
            return UNREACHABLE
        return FAILED if self.failed else OK

    def to_result(self) -> dict[str, t.Any]:
        """Return the run as the report has it."""
        return {
            "id": self.id,
            "playbooks": list(self.playbooks),
            "started": f"{self.started.astimezone(datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            "seconds": round(self.seconds, 3),
            "check_mode": self.check_mode,
            "exit_code": self.exit_code,
            "result": {OK: "ok", FAILED: "failed", UNREACHABLE: "unreachable"}[self.exit_code],
            "job": self.job and self.job.to_result(),
        }


VERSION = 1
# Of the tasks that are not ours, a log may be of any length.
LOG_CHARACTERS = 16_000


def document(run: Run, hosts: Sequence[HostRecord], events: Iterable[TaskEvent]) -> dict[str, t.Any]:
    """Return the whole report of ``run`` as JSON has it."""
    looked = bool(hosts) and view_of(hosts) is STATUS
    stages: dict[str, list[dict[str, t.Any]]] = {}
    for event, began in ended_tasks(events):
        if (name := stage_of(event)) is not None:
            stages.setdefault(event.host, []).append(_stage(name, event, event.at - began))
    return {
        "version": VERSION,
        "run": run.to_result(),
        "hosts": [
            _host(run, host, STATUS.state(host).text if looked else None, stages.get(host.host, [])) for host in hosts
        ],
    }


def _host(run: Run, host: HostRecord, state: str | None, stages: Sequence[dict[str, t.Any]]) -> dict[str, t.Any]:
    if host.outcome == "unreachable" or host.host in run.unreachable:
        result = "unreachable"
    else:
        result = "failed" if host.failure is not None or host.host in run.failed else "ok"
    # What the host was to run, or else what was built for it.
    closures = [stage["result"].get("closure") or stage["result"].get("out_path") for stage in reversed(stages)]
    return {
        "host": host.host,
        "result": result,
        "outcome": host.outcome,
        "state": state,
        "seconds": round(host.seconds, 3),
        "closure": next((str(path) for path in closures if path), None),
        "generation": {"before": host.generation_before, "after": host.generation_after},
        "copied_bytes": host.copied_bytes,
        "units_failed": list(host.units_failed),
        "reboot": {"required": host.reboot_required, "seconds": host.down_seconds},
        "undone": host.undone,
        "note": host.note,
        "difference": host.difference,
        "failure": host.failure and {**_failure(host.failure), "task": host.failed_task},
        "stages": list(stages),
    }


def _stage(name: str, event: TaskEvent, seconds: float) -> dict[str, t.Any]:
    kept = MODULES[event.module or ""].kept
    return {
        "stage": name,
        "task": event.task,
        "status": event.status,
        "changed": bool(event.result.get("changed")),
        "check_mode": event.check_mode,
        "seconds": round(seconds, 3),
        "failure": None if event.status == "ok" else _failure(Failure.from_result(event.result)),
        "result": {field: event.result[field] for field in kept if field in event.result},
    }


def _failure(failure: Failure) -> dict[str, t.Any]:
    fields = {**dataclasses.asdict(failure), "log": failure.log[-LOG_CHARACTERS:]}
    # The task is beside it, as that of a host or of a stage.
    del fields["task"]
    return fields
