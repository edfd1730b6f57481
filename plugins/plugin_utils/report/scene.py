# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a run's events on a screen: the board of who is at work, and the lines that stay."""

from __future__ import annotations

import typing as t

from .board import Board
from .lines import doing, done, failed, failed_as, goes_on, ignored, left_alone, settled
from .records import AWAITING, Failure, HostRecord, records
from .summary import view_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .board import Work
    from .channel import Word
    from .events import TaskEvent
    from .table import Line

# The modules after which a host may be done: what comes then, if anything, makes another line.
LAST = ("nix_activate", "nix_confirm", "nix_reboot", "nix_gc", "nix_channel", "nix_info")
# The tasks of our roles that run no module of ours: they include and validate.
HOLDS_TOGETHER = ""
# How long a host may be at the same before a log says so.
STILL_SECONDS = 60.0


class Scene:
    """Takes events, and returns the lines to print for each.

    Where it is ``drawn``, who is at work is seen on the board, and a host has a line when it is done. Elsewhere each of
    its stages has one.
    """

    def __init__(self, width: Callable[[], int], *, drawn: bool) -> None:
        self.board = Board()
        self.drawn = drawn
        self._width = width
        self._events: dict[str, list[TaskEvent]] = {}
        self._told: dict[str, tuple[str, ...]] = {}
        self._causes_told: set[tuple[str, str]] = set()
        self._told_below: dict[Failure, str] = {}
        self._awaiting: set[str] = set()
        self._silent_since: dict[str, float] = {}

    def play(self, hosts: Iterable[str]) -> list[Line]:
        """Begin a play, or its next batch; what the hosts did before is over."""
        lines = self.rest()
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

    def hear(self, words: Iterable[Word], at: float) -> None:
        """Note what hosts say of their tasks."""
        self.board.hear(words, at)

    def skipped(self, host: str, at: float) -> None:
        """Note that a task had nothing to do for a host."""
        self.board.skip(host, at)

    def noted(self, event: TaskEvent) -> list[Line]:
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
        line = None if self.drawn else done(event, seconds, self.board.widest)
        settles = event.module in LAST and event.host not in self._awaiting
        return [*([line] if line else []), *(self._settle(event.host) if settles else [])]

    def ignored(self, event: TaskEvent) -> list[Line]:
        """Note a failure that the playbook does not mind."""
        self.board.end(event.host, event.at, awaits=event.host in self._awaiting)
        return [ignored(event.host, event.task, Failure.from_result(event.result), self._width())]

    def rest(self) -> list[Line]:
        """Settle all hosts that have not been settled, since nothing follows."""
        return [line for host in self.board.unsettled for line in self._settle(host)]

    def still(self, now: float) -> list[Line]:
        """Return a line for each host that has been at the same for long."""
        waiting = [work for work in self.board.working(now) if now - self._silent_since[work.host] >= STILL_SECONDS]
        for work in waiting:
            self._silent_since[work.host] = now
        return self._at_work(waiting, now)

    def left(self, now: float) -> list[Line]:
        """Return a line for each host that is at work when the run is cut off: it goes back, or stays as it is."""
        return self._at_work(self.board.working(now), now)

    def undecided(self) -> list[Line]:
        """Return what becomes of the hosts that a run which is cut off can bring no verdict any more."""
        hosts = [host for host in self.board.unsettled if host in self._awaiting or self._is_activating(host)]
        return [left_alone(len(hosts))] if hosts else []

    def _is_activating(self, host: str) -> bool:
        last = self._events[host][-1]
        return last.status == "started" and last.module == "nix_activate"

    @property
    def events(self) -> list[TaskEvent]:
        """All that has been noted, in its order."""
        return sorted((event for events in self._events.values() for event in events), key=lambda event: event.at)

    def _at_work(self, works: Iterable[Work], now: float) -> list[Line]:
        return [goes_on(work.host, work.sentence(now), now - work.arrived, self.board.widest) for work in works]

    def _await(self, event: TaskEvent) -> None:
        if event.module == "nix_activate" and event.result.get("outcome") == AWAITING:
            self._awaiting.add(event.host)
        elif event.module in ("nix_activate", "nix_confirm"):
            self._awaiting.discard(event.host)

    def _failed(self, event: TaskEvent) -> list[Line]:
        failure = self._record(event.host).failure or Failure.from_event(event)
        lines = self._settle(event.host)
        # What is told again, as a rollback tells of what brought it about, needs no second explanation.
        if (event.host, failure.cause) not in self._causes_told:
            self._causes_told.add((event.host, failure.cause))
            lines += self._why(event, failure)
        return lines

    def _why(self, event: TaskEvent, failure: Failure) -> list[Line]:
        first = self._told_below.setdefault(failure, event.host)
        if first != event.host:
            return [failed_as(failure, first, self._width())]
        command = event.result.get("command") if event.module else None
        return failed(failure, command, self._width())

    def _settle(self, host: str) -> list[Line]:
        """Return the line of a host that is done, unless it would say the same again."""
        record = self._record(host)
        view = view_of([record])
        word = view.word(record)
        self.board.settle(host, word.text)
        # Its time goes on, and is no news.
        news = view.row(record)[:-1]
        if self._told.get(host) == news or not (self.drawn or record.failure):
            return []
        self._told[host] = news
        return [settled(record, self.board.widest)]

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
