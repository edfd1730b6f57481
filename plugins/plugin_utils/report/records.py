# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One record a host: what the run did to it, by the events in their order."""

from __future__ import annotations

import dataclasses
import typing as t

from .events import HEALTH, Failure, plain_message, text_of

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

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


@dataclasses.dataclass
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

    def add(self, event: TaskEvent) -> None:
        """Note what a task did."""
        self.ended = max(self.ended, event.at)
        if event.status == "started":
            return
        if event.status == "unreachable":
            failure = Failure.from_event(event)
            advice = WHEN_AWAITING if self.outcome == AWAITING else failure.advice or WHEN_UNREACHABLE
            self.outcome, self.failure = "unreachable", dataclasses.replace(failure, advice=advice)
            return
        if event.status == "failed" and self._explains(event):
            return
        outcome, units_failed = self.outcome, self.units_failed
        # What only holds a role together does not look at a host.
        self.looked_at = self.looked_at or bool(event.module)
        # What is known of a host grows by its failures too: a rolled back activation names its generations.
        if event.module in MODULES:
            MODULES[event.module].read(self, event)
        if event.status == "failed":
            self._fail(event)
        elif outcome == "unreachable":
            # What went well later, in a run that goes on with such hosts, does not make up for what was left out.
            self.outcome = outcome
        elif outcome in _STAYS and self.outcome in _ON_THE_WAY:
            # To be looked at once more in the same run, and found to be in order, takes nothing from that.
            self.outcome, self.units_failed = outcome, units_failed
        elif event.module == "nix_activate" and self.failure is not None and self.failure.stage == HEALTH:
            # What a check that no longer held brought about.
            self.outcome = ROLLED_BACK if self.outcome in ("activated", "confirmed") else outcome

    def _explains(self, event: TaskEvent) -> bool:
        """Whether what failed before is why this task failed too, and says all there is to say."""
        if self.failure is None:
            return False
        if event.module is None:
            # A playbook that has rescued a failure fails the host in the end: what failed first is why.
            return True
        return self.failure.stage == HEALTH and self.outcome == ROLLED_BACK and not _sent_back(event)

    def _fail(self, event: TaskEvent) -> None:
        if self.failure is not None and _sent_back(event):
            # The host was sent back because of what failed before: that is why, and not that it was sent back.
            self.failure = self.failure.of_health(self.failed_task)
        else:
            self.failure, self.failed_task = Failure.from_event(event), event.task
        outcome = _activation_outcome(event)
        self.outcome = outcome if outcome in FAILURES else "failed"

    def finish(self, failed: Collection[str] | None) -> None:
        """Note that nothing follows, and which hosts Ansible counts as failed."""
        if self.outcome == AWAITING and self.failure is None:
            self.failure = _UNCONFIRMED
        elif self.outcome != "unreachable" and failed is not None and self.host not in failed and self.failure:
            self.failure = None
            self.outcome = "recovered" if self.outcome == "failed" else self.outcome

    def unless_more(self) -> str:
        """Return what has been done for the host, where a task finds that there is nothing left for it."""
        return "unchanged" if self.outcome in (None, "evaluated") else self.outcome

    def add_copied(self, event: TaskEvent) -> None:
        """Add what a task has copied to what has been."""
        if (copied := _number(event.result.get("copied_bytes"))) is not None:
            self.copied_bytes = (self.copied_bytes or 0) + copied


def records(
    events: Iterable[TaskEvent], *, failed: Collection[str] | None = None, foreign: bool = False
) -> tuple[HostRecord, ...]:
    """Make one record a host of ``events``, in the order in which the hosts first appeared.

    Hosts that only other collections' tasks ran for are left out, unless ``foreign``. ``failed`` names the hosts that Ansible counts as
    failed in the end, so that a failure that was rescued or ignored is not reported as one; None trusts the events.
    """
    found: dict[str, HostRecord] = {}
    ours: set[str] = set()
    predicted: set[str] = set()
    for event in events:
        record = found.setdefault(event.host, HostRecord(event.host, started=event.at, ended=event.at))
        if event.host in predicted and event.module == "nix_eval" and not event.check_mode and record.failure is None:
            # What a check predicted is done now.
            record = HostRecord(record.host, record.started, record.ended, difference=record.difference)
            found[event.host] = record
            predicted.remove(event.host)
        record.add(event)
        if event.module is not None:
            ours.add(event.host)
            if event.check_mode:
                predicted.add(event.host)
    for record in found.values():
        record.finish(failed)
    return tuple(record for host, record in found.items() if foreign or host in ours)


Reader = t.Callable[[HostRecord, "TaskEvent"], None]


def _unread(_record: HostRecord, _event: TaskEvent) -> None:
    pass


def _evaluated(record: HostRecord, _event: TaskEvent) -> None:
    record.outcome = record.outcome or "evaluated"


def _built(record: HostRecord, event: TaskEvent) -> None:
    record.out_path = text_of(event.result.get("out_path"))
    record.outcome = "built" if event.result.get("changed") else record.unless_more()


def _copied(record: HostRecord, event: TaskEvent) -> None:
    record.add_copied(event)
    record.copied_bytes = record.copied_bytes or 0
    copied = "would copy" if event.check_mode else "copied"
    record.outcome = copied if event.result.get("changed") else record.unless_more()


def _brings(brought: str) -> Reader:
    def read(record: HostRecord, event: TaskEvent) -> None:
        if not event.result.get("changed"):
            record.outcome = record.outcome or "unchanged"
        # Of a deployment that does more, the rest is what matters.
        elif record.outcome in (None, *_ON_THE_WAY):
            record.outcome = WOULD_CHANGE if event.check_mode else brought

    return read


def _activated(record: HostRecord, event: TaskEvent) -> None:
    if event.only_asked:
        return
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
    if undone or outcome in FAILURES:
        record.activated = False
    elif outcome in DONE and (changed or event.status == "failed"):
        record.activated = True
    record.outcome = "undone" if undone and outcome in ("activated", "confirmed") else outcome
    record.undone = undone or record.undone
    record.run = text_of(result.get("run")) or record.run
    record.add_copied(event)
    # A rollback that had nowhere to go says why.
    record.note = text_of(result.get("msg")) if result.get("rollback") and outcome == "unchanged" else None
    # The first activation of a run knows what ran before it.
    record.generation_before = before if record.generation_before is None else record.generation_before
    record.generation_after = after if after is not None else record.generation_after
    record.difference = result.get("closure_diff") or record.difference
    record.units_failed = _units(result)
    record.reboot_required = bool(result.get("reboot_required"))


def _rebooted(record: HostRecord, event: TaskEvent) -> None:
    result = event.result
    if event.check_mode or not result.get("rebooted"):
        record.reboot_required = bool(result.get("required"))
        if record.outcome in (None, "unchanged"):
            would = event.check_mode and (result.get("changed") or result.get("required"))
            record.outcome = "would reboot" if would else "unchanged"
        return
    if event.status == "ok":
        # What was only set for the next boot has come into use by it.
        record.outcome = "rebooted"
    seconds = result.get("seconds")
    record.down_seconds = float(seconds) if isinstance(seconds, (int, float)) else None
    record.units_failed = _units(result)
    record.reboot_required = False


def _does(done: str, would: str, *, beside: Collection[str | None] | None = None) -> Reader:
    """Read a module that says in a sentence what it did, of which outcomes ``beside`` it matter less; None for all."""

    def read(record: HostRecord, event: TaskEvent) -> None:
        changed = event.result.get("changed")
        if beside is not None and (not changed or record.outcome not in beside):
            record.outcome = record.outcome or "unchanged"
            return
        record.outcome = (would if event.check_mode else done) if changed else "unchanged"
        record.note = text_of(event.result.get("msg"))

    return read


def _inspected(record: HostRecord, event: TaskEvent) -> None:
    record.facts = event.result


def _update_noted(record: HostRecord, event: TaskEvent) -> None:
    # The flake is not the host's: what the host would be with it is the result of other tasks.
    if not event.check_mode and event.result.get("moved"):
        record.note = f"kept of the update: {plain_message(text_of(event.result.get('msg')) or '')}"


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
    read: Reader = _unread


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
_DATA = ("files", "recovered", "reloaded", "restored")
_CHANNEL = ("branch", "before", "after", "revision", "closure", "tested_by")
# A deployment matters more than what a run tidies up, and more than that others can fetch what was built.
_collected = _does("collected", "would collect", beside=(None, "unchanged"))
_pushed = _does("pushed", "would push", beside=(None, "unchanged", "evaluated", "built"))
_written = _does("written", WOULD_CHANGE)

# Those without a stage tell the controller something, or do what somebody asks for by hand.
MODULES: dict[str, Module] = {
    "nix_install": Module("installing", "installation", ("installed", "steps")),
    "nix_eval": Module("evaluating", "evaluation", _EVALUATION, _evaluated),
    "nix_build": Module("building", "build", _BUILD, _built),
    "nix_cache_push": Module("pushing", "push", ("store", "pushed_count", "pushed_bytes"), _pushed),
    "nix_substitute": Module("looking at the cache", "substitution"),
    "nix_copy_closure": Module("copying", "copy", ("copied_count", "copied_bytes"), _copied),
    "nix_keys": Module("bringing keys", "keys", ("files",), _brings(KEYS_BROUGHT)),
    "nix_activate": Module("activating", "activation", _ACTIVATION, _activated),
    "nix_health": Module("checking", "health", ("checks", "looks")),
    "nix_confirm": Module("confirming", "confirmation", _ACTIVATION, _activated),
    "nix_reboot": Module("rebooting", "reboot", _REBOOT, _rebooted),
    "nix_gc": Module("collecting garbage", "collection", _COLLECTION, _collected),
    "nix_runtime_data": Module("giving a service its data", "data", _DATA, _brings("data given")),
    "nix_channel": Module("moving its channel", "channel", _CHANNEL, _does("moved", "would move")),
    "nix_info": Module("telling what it runs", "status", _FACTS, _inspected),
    "nix_import": Module("writing an inventory", read=_written),
    "nix_semaphore": Module("setting up Semaphore", read=_written),
    "nix_flake": Module("updating the flake", read=_update_noted),
}


def stage_of(event: TaskEvent) -> str | None:
    """Return the stage of the host's way that a task is, if it is one."""
    module = MODULES.get(event.module or "")
    return None if module is None or event.only_asked else module.stage


def _activation_outcome(event: TaskEvent) -> str | None:
    outcome = event.result.get("outcome") if event.module in ("nix_activate", "nix_confirm") else None
    return str(outcome).replace("_", " ") if outcome else None


def _sent_back(event: TaskEvent) -> bool:
    return event.module == "nix_confirm" and _activation_outcome(event) == ROLLED_BACK


def _units(result: Mapping[str, t.Any]) -> tuple[str, ...]:
    return tuple(str(unit) for unit in result.get("units_failed") or ())


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
