# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that a run leaves on the terminal or in a log: a host is done, failed, or still at work."""

from __future__ import annotations

import typing as t

from ..core.quantities import duration
from ..core.terminal import harmless_line
from .events import Failure
from .json_report import STAGES
from .progress import Board
from .records import AWAITING, HostRecord, records
from .summary import view_of, why
from .table import NOTHING, Line, cut

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .events import TaskEvent
    from .progress import Progress, Work


# What a host does while a module of ours runs, until that says it better.
DOING = {
    "": "beginning",
    "nix_eval": "evaluating",
    "nix_build": "building",
    "nix_builder_info": "asking builders",
    "nix_cache_push": "pushing",
    "nix_substitute": "fetching",
    "nix_copy_closure": "copying",
    "nix_keys": "bringing keys",
    "nix_activate": "activating",
    "nix_health": "checking",
    "nix_confirm": "confirming",
    "nix_reboot": "rebooting",
    "nix_gc": "collecting garbage",
    "nix_runtime_data": "giving a service its data",
    "nix_channel": "moving its channel",
    "nix_install": "installing",
    "nix_info": "telling what it runs",
}
MARKS = {"failed": "✗", "unreachable": "✗"}
# Enough for most cells, so that lines which come one by one stand in columns.
COLUMN = 11
# The error has kept the last lines of its log; here they are all shown.
LOG_LINES = 25


def doing(module: str | None, task: str) -> str:
    """Return what a host does in a task."""
    return task if module is None else DOING.get(module, task)


def host_line(host: HostRecord, wide: int) -> Line:
    """Return the line of a host that is done; the names of the hosts are ``wide``."""
    view = view_of([host])
    meaning = view.state(host).meaning
    name, *cells = view.row(host)
    told = "  ".join(("" if cell == NOTHING else cell).ljust(COLUMN) for cell in cells)
    return Line(harmless_line(f"{MARKS.get(meaning, '✓')} {name.ljust(wide)}  {told}".rstrip()), meaning)


def unconfirmed_line(hosts: int) -> Line:
    """Return what becomes of so many hosts that were being activated, or awaited confirmation, when the run was interrupted."""
    were = "1 host was" if hosts == 1 else f"{hosts} hosts were"
    each = "it" if hosts == 1 else "each"
    return Line(
        f"{were} being activated or awaited confirmation: {each} goes back by itself, or ends what it began where none was"
        " asked for; nix.fleet.status tells what runs",
        "failed",
    )


def failure_lines(failure: Failure, command: str | None, width: int) -> list[Line]:
    """Return why a host failed, to stand below its line."""
    lines = why(failure, width, "failed", log_lines=LOG_LINES)
    if command:
        lines.append(Line(harmless_line(f"      command: {command}"), "aside"))
    return lines


def failed_as(failure: Failure, other: str, width: int) -> Line:
    """Return the line below a host that failed as another did, which has all of it."""
    return Line(cut(f"    as {other}: {failure.headline}", width), "failed")


def stage_line(event: TaskEvent, seconds: float, wide: int) -> Line | None:
    """Return the line of a task that went well, if it is worth one: where nothing is drawn, a log tells of each stage."""
    changed = bool(event.result.get("changed"))
    if event.module in STAGES:
        what = f"{STAGES[event.module][0]}: {_first_line(event.result)}"
    elif changed:
        what = f"{event.task}: changed"
    else:
        return None
    return Line(
        harmless_line(f"{event.host.ljust(wide)}  {what} ({duration(seconds)})"), "changed" if changed else "ok"
    )


def running_line(host: str, what: str, seconds: float, wide: int) -> Line:
    """Return the line of a host that has been at the same for long."""
    return Line(harmless_line(f"{host.ljust(wide)}  {what} ({duration(seconds)})"), "aside")


def ignored_line(host: str, task: str, failure: Failure, width: int) -> Line:
    """Return the line of a failure that the playbook does not mind."""
    return Line(cut(f"{host}: {task}: {failure.cause} (ignored)", width), "aside")


def _first_line(result: Mapping[str, t.Any]) -> str:
    return str(result.get("msg") or "done").partition("\n")[0]


# The modules after which a host may be done: what comes then, if anything, makes another line.
LAST = ("nix_activate", "nix_confirm", "nix_reboot", "nix_gc", "nix_channel", "nix_info")
# The tasks of our roles that run no module of ours: they include and validate.
HOLDS_TOGETHER = ""
# How long a host may be at the same before a log says so.
LONG_RUNNING_SECONDS = 60.0


class TerminalLog:
    """Takes events, and returns the lines to print for each.

    Where it is ``drawn``, who is at work is seen on the board, and a host has a line when it is done. Elsewhere each of
    its stages has one.
    """

    def __init__(self, width: Callable[[], int], *, drawn: bool) -> None:
        self.board = Board()
        self.drawn = drawn
        self._width = width
        self._events: dict[str, list[TaskEvent]] = {}
        self._shown: dict[str, tuple[str, ...]] = {}
        self._causes_shown: set[tuple[str, str]] = set()
        self._shown_below: dict[Failure, str] = {}
        self._awaiting: set[str] = set()
        self._silent_since: dict[str, float] = {}

    def play(self, hosts: Iterable[str]) -> list[Line]:
        """Begin a play, or its next batch; what the hosts did before is over."""
        lines = self.finish_all()
        self.board.play(hosts)
        return lines

    def began(self, event: TaskEvent, *, asks: bool = False) -> None:
        """Note that a task began; ``asks`` says that it waits for a person at the keyboard."""
        self._events.setdefault(event.host, []).append(event)
        # What only holds the role together says nothing of what a host does.
        if event.module == HOLDS_TOGETHER and self.board.has_begun(event.host):
            return
        self._silent_since[event.host] = event.at
        self.board.begin(event.host, doing(event.module, event.task), event.at, asks=asks)

    def update(self, received: Iterable[Progress], at: float) -> None:
        """Note what the processes of hosts have sent."""
        self.board.update(received, at)

    def skipped(self, host: str, at: float) -> None:
        """Note that a task had nothing to do for a host."""
        self.board.skip(host, at)

    def add(self, event: TaskEvent) -> list[Line]:
        """Note an event of a task that had several."""
        if event.status != "started":
            return self.ended(event)
        self.began(event)
        return []

    def ended(self, event: TaskEvent) -> list[Line]:
        """Note how a task ended."""
        events = self._events.setdefault(event.host, [])
        seconds = event.at - events[-1].at if events else 0.0
        events.append(event)
        self._await(event)
        self.board.end(event.host, event.at, awaits=event.host in self._awaiting)
        if event.status != "ok":
            return self._failed(event)
        if event.only_asked:
            return []
        line = None if self.drawn else stage_line(event, seconds, self.board.widest)
        finishes = event.module in LAST and event.host not in self._awaiting
        return [*([line] if line else []), *(self._finish(event.host) if finishes else [])]

    def ignored(self, event: TaskEvent) -> list[Line]:
        """Note a failure that the playbook does not mind."""
        self.board.end(event.host, event.at, awaits=event.host in self._awaiting)
        return [ignored_line(event.host, event.task, Failure.from_result(event.result), self._width())]

    def finish_all(self) -> list[Line]:
        """Finish all hosts that are not done, since nothing follows."""
        return [line for host in self.board.unfinished for line in self._finish(host)]

    def long_running(self, now: float) -> list[Line]:
        """Return a line for each host that has been at the same for long."""
        waiting = [
            work for work in self.board.working(now) if now - self._silent_since[work.host] >= LONG_RUNNING_SECONDS
        ]
        for work in waiting:
            self._silent_since[work.host] = now
        return self._at_work(waiting, now)

    def interrupted(self, now: float) -> list[Line]:
        """Return a line for each host that is at work when the run is interrupted: it goes back, or stays as it is."""
        return self._at_work(self.board.working(now), now)

    def unconfirmed(self) -> list[Line]:
        """Return what becomes of the hosts that an interrupted run can no longer confirm."""
        hosts = [host for host in self.board.unfinished if host in self._awaiting or self._is_activating(host)]
        return [unconfirmed_line(len(hosts))] if hosts else []

    def _is_activating(self, host: str) -> bool:
        last = self._events[host][-1]
        return last.status == "started" and last.module == "nix_activate"

    @property
    def events(self) -> list[TaskEvent]:
        """All that has been noted, in its order."""
        return sorted((event for events in self._events.values() for event in events), key=lambda event: event.at)

    def _at_work(self, works: Iterable[Work], now: float) -> list[Line]:
        return [running_line(work.host, work.text(now), now - work.arrived, self.board.widest) for work in works]

    def _await(self, event: TaskEvent) -> None:
        if event.module == "nix_activate" and event.result.get("outcome") == AWAITING:
            self._awaiting.add(event.host)
        elif event.module in ("nix_activate", "nix_confirm"):
            self._awaiting.discard(event.host)

    def _failed(self, event: TaskEvent) -> list[Line]:
        failure = self._record(event.host).failure or Failure.from_event(event)
        lines = self._finish(event.host)
        # What is told again, as a rollback tells of what brought it about, needs no second explanation.
        if (event.host, failure.cause) not in self._causes_shown:
            self._causes_shown.add((event.host, failure.cause))
            lines += self._why(event, failure)
        return lines

    def _why(self, event: TaskEvent, failure: Failure) -> list[Line]:
        first = self._shown_below.setdefault(failure, event.host)
        if first != event.host:
            return [failed_as(failure, first, self._width())]
        command = event.result.get("command") if event.module else None
        return failure_lines(failure, command, self._width())

    def _finish(self, host: str) -> list[Line]:
        """Return the line of a host that is done, unless it would say the same again."""
        record = self._record(host)
        view = view_of([record])
        state = view.state(record)
        self.board.finish(host, state.text)
        # The time alone is no change.
        row = view.row(record)[:-1]
        if self._shown.get(host) == row or not (self.drawn or record.failure):
            return []
        self._shown[host] = row
        return [host_line(record, self.board.widest)]

    def _record(self, host: str) -> HostRecord:
        """Return what is known of a host, also where no module of ours has run."""
        events = self._events[host]
        for record in records(events):
            return record
        last = events[-1]
        bad = last.status in ("failed", "unreachable")
        return HostRecord(
            host,
            started=events[0].at,
            ended=last.at,
            outcome=last.status if bad else None,
            failure=Failure.from_event(last) if bad else None,
            failed_task=last.task,
        )
