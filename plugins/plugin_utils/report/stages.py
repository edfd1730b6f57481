# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each of this collection's modules did for a host, in the order in which they did it."""

from __future__ import annotations

import dataclasses
import typing as t

from .records import Failure

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .events import Status, TaskEvent

_ACTIVATION = tuple(
    "outcome id run goal rollback closure profile previous generation default running exit_code units_failed "
    "reboot_required warnings log log_file".split()
)
# The stage of each module, and what of its result is kept: named one by one, so that nothing gets in unseen.
STAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "nix_install": ("installation", ("installed", "steps")),
    "nix_eval": ("evaluation", ("attr", "drv_path", "out_path", "flake_revision", "flake_dirty", "cached")),
    "nix_build": ("build", ("drv_path", "out_path", "built", "built_derivations", "fetched", "failed_derivations")),
    "nix_cache_push": ("push", ("store", "pushed_count", "pushed_bytes")),
    "nix_substitute": ("substitution", ("fetched_count",)),
    "nix_copy_closure": ("copy", ("copied_count", "copied_bytes")),
    "nix_keys": ("keys", ("files",)),
    "nix_activate": ("activation", _ACTIVATION),
    "nix_health": ("health", ("checks", "looks")),
    "nix_confirm": ("confirmation", _ACTIVATION),
    "nix_reboot": ("reboot", ("rebooted", "required", "reasons", "expected", "running", "units_failed")),
    "nix_gc": (
        "collection",
        tuple(
            "deleted_generations deleted_paths freed_bytes optimised_bytes removed_roots boot_entries_refreshed".split()
        ),
    ),
    "nix_runtime_data": ("data", ("files", "recovered", "reloaded", "restored")),
    "nix_channel": ("channel", ("branch", "before", "after", "revision", "closure", "tested_by")),
    "nix_info": (
        "status",
        tuple(
            "platform system nix_version profile generation default current_system booted_system specialisation "
            "reboot_required interrupted store_free_bytes store_total_bytes kernel units_failed revision drift lock "
            "journal".split()
        ),
    ),
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
        elif event.module in STAGES and not event.only_asked:
            stage = _stage(event, event.module, event.at - began.get(event.host, event.at))
            found[event.host] = (*found.get(event.host, ()), stage)
    return found


def _stage(event: TaskEvent, module: str, seconds: float) -> Stage:
    name, fields = STAGES[module]
    return Stage(
        name=name,
        task=event.task,
        status=event.status,
        changed=bool(event.result.get("changed")),
        check_mode=event.check_mode,
        seconds=seconds,
        result={field: event.result[field] for field in fields if field in event.result},
        failure=None if event.status == "ok" else Failure.from_result(event.result),
    )
