# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One record a host: what the run did to it, folded from the events in their order."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .events import TaskEvent


# The outcomes of an activation that say more of a failure than that it is one.
FAILURES = ("rolled back", "rollback failed", "refused")


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a host did not get to the end."""

    cause: str
    stage: str | None = None
    log: str = ""
    advice: str | None = None

    @classmethod
    def from_result(cls, result: Mapping[str, t.Any]) -> Failure:
        """Read the failure of one of our modules, or of any other."""
        return cls(
            cause=_sentence(str(result.get("cause") or result.get("msg") or "it gave no reason")),
            stage=_text(result.get("stage")),
            log=str(result.get("log") or ""),
            advice=_text(result.get("advice")),
        )


@dataclasses.dataclass(frozen=True)
class HostRecord:
    """What the run did to one host, as far as it came."""

    host: str
    started: float
    ended: float
    outcome: str | None = None
    generation_before: int | None = None
    generation_after: int | None = None
    copied_bytes: int | None = None
    units_failed: tuple[str, ...] = ()
    reboot_required: bool = False
    facts: Mapping[str, t.Any] | None = None
    failure: Failure | None = None

    @property
    def seconds(self) -> float:
        """From the beginning of the host's first task to the end of its last."""
        return self.ended - self.started


def records(events: Iterable[TaskEvent], *, failed: Collection[str] | None = None) -> tuple[HostRecord, ...]:
    """Fold ``events`` into one record a host, in the order in which the hosts first appeared.

    Hosts that only other collections' tasks ran for are left out. ``failed`` names the hosts that Ansible counts as
    failed in the end, so that a failure that was rescued or ignored is not reported as one; None trusts the events.
    """
    found: dict[str, HostRecord] = {}
    ours: set[str] = set()
    for event in events:
        record = found.get(event.host) or HostRecord(event.host, started=event.at, ended=event.at)
        found[event.host] = _with_event(record, event)
        if event.module is not None:
            ours.add(event.host)
    return tuple(_settled(record, failed) for host, record in found.items() if host in ours)


def _with_event(record: HostRecord, event: TaskEvent) -> HostRecord:
    record = dataclasses.replace(record, ended=max(record.ended, event.at))
    if event.status == "started":
        return record
    if event.status == "unreachable":
        return dataclasses.replace(record, outcome="unreachable", failure=Failure.from_result(event.result))
    # What is known of a host grows by its failures too: a rolled back activation names its generations.
    record = _READERS.get(event.module or "", _unread)(record, event)
    if event.status == "failed":
        outcome = _activation_outcome(event)
        outcome = outcome if outcome in FAILURES else "failed"
        return dataclasses.replace(record, outcome=outcome, failure=Failure.from_result(event.result))
    return record


def _settled(record: HostRecord, failed: Collection[str] | None) -> HostRecord:
    if record.failure is None or record.outcome == "unreachable" or failed is None or record.host in failed:
        return record
    outcome = "recovered" if record.outcome == "failed" else record.outcome
    return dataclasses.replace(record, failure=None, outcome=outcome)


def _unread(record: HostRecord, _event: TaskEvent) -> HostRecord:
    return record


def _evaluated(record: HostRecord, _event: TaskEvent) -> HostRecord:
    return dataclasses.replace(record, outcome=record.outcome or "evaluated")


def _built(record: HostRecord, event: TaskEvent) -> HostRecord:
    return dataclasses.replace(record, outcome="built" if event.result.get("changed") else "unchanged")


def _copied(record: HostRecord, event: TaskEvent) -> HostRecord:
    copied = _number(event.result.get("copied_bytes")) or 0
    return dataclasses.replace(record, copied_bytes=(record.copied_bytes or 0) + copied, outcome="copied")


def _activated(record: HostRecord, event: TaskEvent) -> HostRecord:
    result = event.result
    before = _number((result.get("previous") or {}).get("generation"))
    after = _number(result.get("generation"))
    changed = bool(result.get("changed"))
    outcome = _activation_outcome(event) or ("activated" if changed else "unchanged")
    if event.check_mode:
        outcome = "would change" if changed else "unchanged"
    elif changed and result.get("goal") == "boot":
        outcome = "set for boot"
    elif result.get("goal") == "dry-activate":
        outcome = "dry run"
    return dataclasses.replace(
        record,
        outcome=outcome,
        # The first activation of a run knows what ran before it.
        generation_before=before if record.generation_before is None else record.generation_before,
        generation_after=after if after is not None else record.generation_after,
        units_failed=tuple(str(unit) for unit in result.get("units_failed") or ()),
        reboot_required=bool(result.get("reboot_required")),
    )


def _inspected(record: HostRecord, event: TaskEvent) -> HostRecord:
    return dataclasses.replace(record, facts=dict(event.result))


_READERS = {
    "nix_eval": _evaluated,
    "nix_build": _built,
    "nix_copy_closure": _copied,
    "nix_activate": _activated,
    "nix_info": _inspected,
}


def _activation_outcome(event: TaskEvent) -> str | None:
    outcome = event.result.get("outcome") if event.module == "nix_activate" else None
    return str(outcome).replace("_", " ") if outcome else None


def _sentence(message: str) -> str:
    # What ansible-core 2.19 and later put in front of every message.
    return message.strip().removeprefix("Task failed: ").removeprefix("Action failed: ")


def _text(value: t.Any) -> str | None:
    return str(value) if value else None


def _number(value: t.Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
