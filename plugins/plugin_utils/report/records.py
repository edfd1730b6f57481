# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One record a host: what the run did to it, folded from the events in their order."""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from .events import HEALTH, Failure, plain_message, text_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from .events import TaskEvent


# The outcomes of an activation that say more of a failure than that it is one.
ROLLED_BACK = "rolled back"
FAILURES = (ROLLED_BACK, "rollback failed", "refused")
# The outcome that is none yet, and cannot be the last one.
AWAITING = "awaiting"
KEYS_BROUGHT = "keys brought"
WOULD_CHANGE = "would change"
# Of a host that was at work when the run was interrupted.
INTERRUPTED = "interrupted"
# The outcomes that leave a host with something else than it had before, and those on the way there.
DONE = ("activated", "confirmed", "set for boot")
_STAYS = (*DONE, "rebooted", "undone")
_ON_THE_WAY = ("evaluated", "built", "copied", "would copy", "unchanged")


WHEN_AWAITING = "see what it runs when it is back: unconfirmed, it returns by itself"
WHEN_UNREACHABLE = "see that it is up and that you can log in as Ansible does (-vvv shows how), and run again"
_UNCONFIRMED = Failure(
    cause="no confirmation arrived in time; the machine goes back by itself",
    stage="confirmation",
    code="confirmation.missed",
    advice="see with nix.fleet.status what it runs, and deploy again",
)


@dataclasses.dataclass(frozen=True)
class HostRecord:
    """What the run did to one host, as far as it came.

    ``activated`` says that the host runs, or boots, something else than before the run, by it.
    """

    host: str
    started: float
    ended: float
    outcome: str | None = None
    generation_before: int | None = None
    generation_after: int | None = None
    copied_bytes: int | None = None
    units_failed: tuple[str, ...] = ()
    reboot_required: bool = False
    run: str | None = None
    activated: bool = False
    undone: bool = False
    note: str | None = None
    out_path: str | None = None
    difference: Mapping[str, t.Any] | None = None
    down_seconds: float | None = None
    facts: Mapping[str, t.Any] | None = None
    looked_at: bool = False
    failure: Failure | None = None
    failed_task: str = ""

    @property
    def seconds(self) -> float:
        """From the beginning of the host's first task to the end of its last."""
        return self.ended - self.started


def records(
    events: Iterable[TaskEvent], *, failed: Collection[str] | None = None, foreign: bool = False
) -> tuple[HostRecord, ...]:
    """Fold ``events`` into one record a host, in the order in which the hosts first appeared.

    Hosts that only other collections' tasks ran for are left out, unless ``foreign``. ``failed`` names the hosts that Ansible counts as
    failed in the end, so that a failure that was rescued or ignored is not reported as one; None trusts the events.
    """
    found: dict[str, HostRecord] = {}
    ours: set[str] = set()
    predicted: set[str] = set()
    for event in events:
        record = found.get(event.host) or HostRecord(event.host, started=event.at, ended=event.at)
        if event.host in predicted and event.module == "nix_eval" and not event.check_mode and record.failure is None:
            # What a check predicted is done now.
            record = HostRecord(record.host, record.started, record.ended, difference=record.difference)
            predicted.remove(event.host)
        found[event.host] = _with_event(record, event)
        if event.module is not None:
            ours.add(event.host)
            if event.check_mode:
                predicted.add(event.host)
    return tuple(_final(record, failed) for host, record in found.items() if foreign or host in ours)


def _with_event(record: HostRecord, event: TaskEvent) -> HostRecord:
    record = dataclasses.replace(record, ended=max(record.ended, event.at))
    if event.status == "started":
        return record
    if event.status == "unreachable":
        failure = Failure.from_event(event)
        advice = WHEN_AWAITING if record.outcome == AWAITING else failure.advice or WHEN_UNREACHABLE
        return dataclasses.replace(record, outcome="unreachable", failure=dataclasses.replace(failure, advice=advice))
    before = record
    # What only holds a role together does not look at a host.
    record = dataclasses.replace(record, looked_at=record.looked_at or bool(event.module))
    # What is known of a host grows by its failures too: a rolled back activation names its generations.
    module = MODULES.get(event.module or "")
    record = module.read(record, event) if module else record
    if event.status == "failed":
        return _failed(before, record, event)
    if before.outcome == "unreachable":
        # What went well later, in a run that goes on with such hosts, does not make up for what was left out.
        return dataclasses.replace(record, outcome=before.outcome)
    if before.outcome in _STAYS and record.outcome in _ON_THE_WAY:
        # To be looked at once more in the same run, and found to be in order, takes nothing from that.
        return dataclasses.replace(record, outcome=before.outcome, units_failed=before.units_failed)
    if event.module == "nix_activate" and before.failure is not None and before.failure.stage == HEALTH:
        # What a check that no longer held brought about.
        gone_back = record.outcome in ("activated", "confirmed")
        return dataclasses.replace(record, outcome=ROLLED_BACK if gone_back else before.outcome)
    return record


def _failed(before: HostRecord, record: HostRecord, event: TaskEvent) -> HostRecord:
    outcome = _activation_outcome(event)
    if before.failure is not None and event.module == "nix_confirm" and outcome == ROLLED_BACK:
        # The host was sent back because of what failed before: that is why, and not that it was sent back.
        return dataclasses.replace(record, outcome=outcome, failure=before.failure.of_health(before.failed_task))
    if before.failure is not None and before.failure.stage == HEALTH and before.outcome == ROLLED_BACK:
        return before
    if before.failure is not None and event.module is None:
        # A playbook that has rescued a failure fails the host in the end: what failed first is why.
        return before
    outcome = outcome if outcome in FAILURES else "failed"
    return dataclasses.replace(record, outcome=outcome, failure=Failure.from_event(event), failed_task=event.task)


def _final(record: HostRecord, failed: Collection[str] | None) -> HostRecord:
    if record.outcome == AWAITING and record.failure is None:
        return dataclasses.replace(record, failure=_UNCONFIRMED)
    if record.failure is None or record.outcome == "unreachable" or failed is None or record.host in failed:
        return record
    outcome = "recovered" if record.outcome == "failed" else record.outcome
    return dataclasses.replace(record, failure=None, outcome=outcome)


def _unread(record: HostRecord, _event: TaskEvent) -> HostRecord:
    return record


def _evaluated(record: HostRecord, _event: TaskEvent) -> HostRecord:
    return dataclasses.replace(record, outcome=record.outcome or "evaluated")


def _built(record: HostRecord, event: TaskEvent) -> HostRecord:
    record = dataclasses.replace(record, out_path=text_of(event.result.get("out_path")))
    return dataclasses.replace(record, outcome="built" if event.result.get("changed") else _unless_more(record))


def _copied(record: HostRecord, event: TaskEvent) -> HostRecord:
    outcome = "would copy" if event.check_mode else "copied"
    if not event.result.get("changed"):
        outcome = _unless_more(record)
    return dataclasses.replace(record, copied_bytes=_copied_in_all(record, event) or 0, outcome=outcome)


def _unless_more(record: HostRecord) -> str:
    """Return what has been done for the host, where a task finds that there is nothing left for it."""
    return "unchanged" if record.outcome in (None, "evaluated") else record.outcome


def _files_brought(record: HostRecord, event: TaskEvent, brought: str) -> HostRecord:
    if not event.result.get("changed"):
        return dataclasses.replace(record, outcome=record.outcome or "unchanged")
    # Of a deployment that does more, the rest is what matters.
    if record.outcome not in (None, *_ON_THE_WAY):
        return record
    return dataclasses.replace(record, outcome=WOULD_CHANGE if event.check_mode else brought)


def _activated(record: HostRecord, event: TaskEvent) -> HostRecord:
    if event.only_asked:
        return record
    result = event.result
    before = _number((result.get("previous") or {}).get("generation"))
    after = _number(result.get("generation"))
    changed = bool(result.get("changed"))
    if not changed and before is None:
        # One that was refused before it had recorded what there was.
        before = after
    outcome = _activation_outcome(event) or ("activated" if changed else "unchanged")
    if event.check_mode:
        outcome = WOULD_CHANGE if changed else "unchanged"
    elif changed and result.get("goal") == "boot":
        outcome = "set for boot"
    elif result.get("goal") == "dry-activate":
        outcome = "dry run"
    elif outcome == "unchanged" and record.outcome == KEYS_BROUGHT:
        outcome = KEYS_BROUGHT
    entry = result.get("journal") or {}
    # Gone back in the same run that it came to what it has gone back from.
    undone = entry.get("run") is not None and entry.get("rollback") == f"before:{entry['run']}"
    gone_back = undone or outcome in FAILURES
    activated = (record.activated and not gone_back) or (
        outcome in DONE and (changed or event.status == "failed") and not undone
    )
    return dataclasses.replace(
        record,
        outcome="undone" if undone and outcome in ("activated", "confirmed") else outcome,
        run=text_of(result.get("run")) or record.run,
        activated=activated,
        undone=undone or record.undone,
        copied_bytes=_copied_in_all(record, event),
        # A rollback that had nowhere to go says why.
        note=text_of(result.get("msg")) if result.get("rollback") and outcome == "unchanged" else None,
        # The first activation of a run knows what ran before it.
        generation_before=before if record.generation_before is None else record.generation_before,
        generation_after=after if after is not None else record.generation_after,
        difference=result.get("closure_diff") or record.difference,
        units_failed=tuple(str(unit) for unit in result.get("units_failed") or ()),
        reboot_required=bool(result.get("reboot_required")),
    )


def _copied_in_all(record: HostRecord, event: TaskEvent) -> int | None:
    copied = _number(event.result.get("copied_bytes"))
    return record.copied_bytes if copied is None else (record.copied_bytes or 0) + copied


def _rebooted(record: HostRecord, event: TaskEvent) -> HostRecord:
    result = event.result
    if event.check_mode or not result.get("rebooted"):
        would = event.check_mode and (result.get("changed") or result.get("required"))
        predicted = "would reboot" if would else "unchanged"
        return dataclasses.replace(
            record,
            outcome=predicted if record.outcome in (None, "unchanged") else record.outcome,
            reboot_required=bool(result.get("required")),
        )
    seconds = result.get("seconds")
    return dataclasses.replace(
        record,
        # What was only set for the next boot has come into use by it.
        outcome="rebooted" if event.status == "ok" else record.outcome,
        units_failed=tuple(str(unit) for unit in result.get("units_failed") or ()),
        reboot_required=False,
        down_seconds=float(seconds) if isinstance(seconds, (int, float)) else None,
    )


def _did(
    record: HostRecord, event: TaskEvent, done: str, would: str, *, beside: Collection[str | None] | None = None
) -> HostRecord:
    """Read a module that says in a sentence what it did, of which outcomes ``beside`` it matter less; None for all."""
    changed = event.result.get("changed")
    if beside is not None and (not changed or record.outcome not in beside):
        return dataclasses.replace(record, outcome=record.outcome or "unchanged")
    outcome = (would if event.check_mode else done) if changed else "unchanged"
    return dataclasses.replace(record, outcome=outcome, note=text_of(event.result.get("msg")))


def _inspected(record: HostRecord, event: TaskEvent) -> HostRecord:
    return dataclasses.replace(record, facts=dict(event.result))


def _update_noted(record: HostRecord, event: TaskEvent) -> HostRecord:
    # The flake is not the host's: what the host would be with it is the result of other tasks.
    if event.check_mode or event.result.get("moved") in (None, []):
        return record
    return dataclasses.replace(
        record, note=f"kept of the update: {plain_message(text_of(event.result.get('msg')) or '')}"
    )


@dataclasses.dataclass(frozen=True)
class Module:
    """What the report makes of the tasks of one of our modules.

    ``doing`` is what a host does meanwhile. ``stage`` is the stage of a host's way that they are, if they are one, and ``kept``
    what of their result the report for programs has: named one by one, so that nothing gets in unseen. ``read`` adds to what is
    known of the host.
    """

    doing: str
    stage: str | None = None
    kept: tuple[str, ...] = ()
    read: Callable[[HostRecord, TaskEvent], HostRecord] = _unread


_ACTIVATION = tuple(
    "outcome id run goal rollback closure profile previous generation default running exit_code units_failed "
    "reboot_required warnings log log_file".split()
)
_COLLECTION = tuple("deleted_generations deleted_paths freed_bytes removed_roots boot_entries_refreshed".split())
_FACTS = tuple(
    "platform system nix_version profile generation default current_system booted_system specialisation "
    "reboot_required interrupted store_free_bytes store_total_bytes kernel units_failed revision drift lock "
    "journal".split()
)
_BUILD = tuple("drv_path out_path built built_derivations fetched failed_derivations".split())
_EVALUATION = tuple("attr drv_path out_path flake_revision flake_dirty cached".split())
_REBOOT = tuple("rebooted required reasons expected running units_failed".split())
_keys_brought = functools.partial(_files_brought, brought=KEYS_BROUGHT)
_data_given = functools.partial(_files_brought, brought="data given")
# A deployment matters more than what a run tidies up, and more than that others can fetch what was built.
_collected = functools.partial(_did, done="collected", would="would collect", beside=(None, "unchanged"))
_pushed = functools.partial(_did, done="pushed", would="would push", beside=(None, "unchanged", "evaluated", "built"))
_moved = functools.partial(_did, done="moved", would="would move")
_written = functools.partial(_did, done="written", would=WOULD_CHANGE)

# Those without a stage tell the controller something, or do what somebody asks for by hand.
MODULES: dict[str, Module] = {
    "nix_install": Module("installing", "installation", ("installed", "steps")),
    "nix_eval": Module("evaluating", "evaluation", _EVALUATION, _evaluated),
    "nix_build": Module("building", "build", _BUILD, _built),
    "nix_cache_push": Module("pushing", "push", ("store", "pushed_count", "pushed_bytes"), _pushed),
    "nix_substitute": Module("looking at the cache", "substitution"),
    "nix_copy_closure": Module("copying", "copy", ("copied_count", "copied_bytes"), _copied),
    "nix_keys": Module("bringing keys", "keys", ("files",), _keys_brought),
    "nix_activate": Module("activating", "activation", _ACTIVATION, _activated),
    "nix_health": Module("checking", "health", ("checks", "looks")),
    "nix_confirm": Module("confirming", "confirmation", _ACTIVATION, _activated),
    "nix_reboot": Module("rebooting", "reboot", _REBOOT, _rebooted),
    "nix_gc": Module("collecting garbage", "collection", _COLLECTION, _collected),
    "nix_runtime_data": Module(
        "giving a service its data", "data", ("files", "recovered", "reloaded", "restored"), _data_given
    ),
    "nix_channel": Module(
        "moving its channel", "channel", ("branch", "before", "after", "revision", "closure", "tested_by"), _moved
    ),
    "nix_info": Module("telling what it runs", "status", _FACTS, _inspected),
    "nix_import": Module("writing an inventory", read=_written),
    "nix_semaphore": Module("setting up Semaphore", read=_written),
    "nix_flake": Module("updating the flake", read=_update_noted),
}


def stage_of(event: TaskEvent) -> str | None:
    """Return the stage of the host's way that a task is, if it is one."""
    module = MODULES.get(event.module or "")
    return None if module is None or event.only_asked else module.stage


_WITH_OUTCOME = ("nix_activate", "nix_confirm")


def _activation_outcome(event: TaskEvent) -> str | None:
    outcome = event.result.get("outcome") if event.module in _WITH_OUTCOME else None
    return str(outcome).replace("_", " ") if outcome else None


def _number(value: t.Any) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def by_failure(hosts: Iterable[HostRecord]) -> dict[Failure, list[str]]:
    """Return each failure with the names of the hosts that have it, both in the order in which they come.

    Failures differ where a single field does, such as the log, the stage or the task.
    """
    alike: dict[Failure, list[str]] = {}
    for host in hosts:
        if host.failure is not None:
            alike.setdefault(host.failure, []).append(host.host)
    return alike
