# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report that programs read: docs/schemas/report-1.json says what is in it."""

from __future__ import annotations

import dataclasses
import typing as t

from .status import STATUS
from .summary import view_of

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .records import Failure, HostRecord
    from .run import Run
    from .stages import Stage

VERSION = 1
# Of the tasks that are not ours, a log may be of any length.
LOG_CHARACTERS = 16_000


def document(run: Run, hosts: Sequence[HostRecord], stages: Mapping[str, Sequence[Stage]]) -> dict[str, t.Any]:
    """Return the whole report of ``run`` as JSON has it."""
    looked = bool(hosts) and view_of(hosts) is STATUS
    states = {host.host: STATUS.word(host).text for host in hosts} if looked else {}
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
    told = {**dataclasses.asdict(failure), "log": failure.log[-LOG_CHARACTERS:]}
    # The task is beside it, as that of a host or of a stage.
    del told["task"]
    return told
