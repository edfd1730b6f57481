# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report that programs read: the run, its hosts and their stages. docs/schemas/report-1.json says what is in it."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from .events import Failure
from .records import MODULES, stage_of
from .status import STATUS
from .summary import view_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..run_state.job import Job
    from .events import Status, TaskEvent
    from .records import HostRecord


OK, FAILED, UNREACHABLE = 0, 2, 4

_RESULTS: dict[int, str] = {OK: "ok", FAILED: "failed", UNREACHABLE: "unreachable"}


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

    @property
    def exit_code(self) -> int:
        """The code that ``ansible-playbook`` ends with, which a host that cannot be reached decides before all others."""
        if self.unreachable:
            return UNREACHABLE
        return FAILED if self.failed else OK

    @property
    def result(self) -> str:
        """What the exit code means."""
        return _RESULTS[self.exit_code]

    def to_result(self) -> dict[str, t.Any]:
        """Return the run as the report has it."""
        return {
            "id": self.id,
            "playbooks": list(self.playbooks),
            "started": f"{self.started.astimezone(datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            "seconds": round(self.seconds, 3),
            "check_mode": self.check_mode,
            "exit_code": self.exit_code,
            "result": self.result,
            "job": self.job and self.job.to_result(),
        }


@dataclasses.dataclass(frozen=True)
class Stage:
    """One task of one host: which stage it was, how it ended and what is known from it."""

    name: str
    task: str
    status: Status
    changed: bool
    check_mode: bool
    seconds: float
    result: Mapping[str, t.Any]
    failure: Failure | None = None


def stages(events: Iterable[TaskEvent]) -> dict[str, tuple[Stage, ...]]:
    """Return the stages of each host."""
    found: dict[str, tuple[Stage, ...]] = {}
    began: dict[str, float] = {}
    for event in events:
        if event.status == "started":
            began[event.host] = event.at
        elif (name := stage_of(event)) is not None:
            stage = _stage_of(name, event, event.at - began.get(event.host, event.at))
            found[event.host] = (*found.get(event.host, ()), stage)
    return found


def _stage_of(name: str, event: TaskEvent, seconds: float) -> Stage:
    kept = MODULES[event.module or ""].kept
    return Stage(
        name=name,
        task=event.task,
        status=event.status,
        changed=bool(event.result.get("changed")),
        check_mode=event.check_mode,
        seconds=seconds,
        result={field: event.result[field] for field in kept if field in event.result},
        failure=None if event.status == "ok" else Failure.from_result(event.result),
    )


VERSION = 1
# Of the tasks that are not ours, a log may be of any length.
LOG_CHARACTERS = 16_000


def document(run: Run, hosts: Sequence[HostRecord], stages: Mapping[str, Sequence[Stage]]) -> dict[str, t.Any]:
    """Return the whole report of ``run`` as JSON has it."""
    looked = bool(hosts) and view_of(hosts) is STATUS
    states = {host.host: STATUS.state(host).text for host in hosts} if looked else {}
    return {
        "version": VERSION,
        "run": run.to_result(),
        "hosts": [_host(run, host, states.get(host.host), stages.get(host.host, ())) for host in hosts],
    }


def _host(run: Run, host: HostRecord, state: str | None, stages: Sequence[Stage]) -> dict[str, t.Any]:
    return {
        "host": host.host,
        "result": _result(run, host),
        "outcome": host.outcome,
        "state": state,
        "seconds": round(host.seconds, 3),
        "closure": _closure(stages),
        "generation": {"before": host.generation_before, "after": host.generation_after},
        "copied_bytes": host.copied_bytes,
        "units_failed": list(host.units_failed),
        "reboot": {"required": host.reboot_required, "seconds": host.down_seconds},
        "undone": host.undone,
        "note": host.note,
        "difference": host.difference,
        "failure": host.failure and {**_failure(host.failure), "task": host.failed_task},
        "stages": [_stage(stage) for stage in stages],
    }


def _result(run: Run, host: HostRecord) -> str:
    if host.outcome == "unreachable" or host.host in run.unreachable:
        return "unreachable"
    return "failed" if host.failure is not None or host.host in run.failed else "ok"


def _closure(stages: Sequence[Stage]) -> str | None:
    """Return what the host was to run, or else what was built for it."""
    known = [stage.result.get("closure") or stage.result.get("out_path") for stage in stages]
    return next((str(path) for path in reversed(known) if path), None)


def _stage(stage: Stage) -> dict[str, t.Any]:
    return {
        "stage": stage.name,
        "task": stage.task,
        "status": stage.status,
        "changed": stage.changed,
        "check_mode": stage.check_mode,
        "seconds": round(stage.seconds, 3),
        "failure": stage.failure and _failure(stage.failure),
        "result": dict(stage.result),
    }


def _failure(failure: Failure) -> dict[str, t.Any]:
    fields = {**dataclasses.asdict(failure), "log": failure.log[-LOG_CHARACTERS:]}
    # The task is beside it, as that of a host or of a stage.
    del fields["task"]
    return fields
