# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that a run leaves on the terminal or in a log, and what is drawn there: a host is done, failed, or still at work."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sys
import termios
import typing as t

from ..core.text import duration, harmless_line
from .events import Failure
from .progress import Board
from .records import AWAITING, INTERRUPTED, MODULES, HostRecord, records, stage_of
from .status import STATUS
from .summary import view_of, why
from .table import NOTHING, Line, Meaning, note, short_paths

try:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text
except ImportError:
    CAN_DRAW = False
else:
    CAN_DRAW = True

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .events import TaskEvent
    from .progress import Work

MARKS = {"failed": "✗", "unreachable": "✗"}
# Enough for most cells, so that lines which come one by one stand in columns.
COLUMN = 11
# The error has kept the last lines of its log; here they are all shown.
LOG_LINES = 25
# Of what changes on a host: a few more than most updates have.
DIFF_LINES = 40
# The paths that are copied or pushed are no change of a machine.
WITHOUT_DIFF = ("nix_copy_closure", "nix_cache_push")


def _command(command: str, width: int) -> list[Line]:
    """Return a command folded between its words as a shell reads it, so that it can be copied as it stands."""
    lines = ["      command:"]
    for word in re.findall(r"(?:'[^']*'|[^\s'])+", command):
        # Room for the blank before it, and for what goes on with the next line.
        if len(lines[-1]) + len(word) + 3 <= width:
            lines[-1] += f" {word}"
        else:
            lines[-1] += " \\"
            lines.append(f"        {word}")
    return list(map(Line, lines))


# The modules after which a host may be done: what comes then, if anything, makes another line.
LAST = ("nix_activate", "nix_confirm", "nix_reboot", "nix_gc", "nix_channel", "nix_info")
# The tasks of our roles that run no module of ours: they include and validate.
HOLDS_TOGETHER = ""
# The outcome of a host that an interrupted run has left while it was being activated, or awaited confirmation.
ACTIVATING = "activating"
# How long a host may be at the same before a log says so.
LONG_RUNNING_SECONDS = 60.0


class TerminalLog:
    """Takes events, and returns the lines to print for each.

    Where it is ``drawn``, who is at work is seen on the board, and a host that has changed or failed has a line when it is
    done. Elsewhere each stage that has changed something has one. A host that has nothing to do is in the closing table.
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
        # Each diff that has not been shown, with its hosts; and the hosts of which one may come yet.
        self._diffs: dict[str, list[str]] = {}
        self._diff_may_come: set[str] = set()

    def play(self, hosts: Iterable[str]) -> list[Line]:
        """Begin a play, or its next batch; what the hosts did before is over."""
        hosts = tuple(hosts)
        lines = [*self.finish_all(), *self.diffs()]
        self.board.play(hosts)
        self._diff_may_come = set(hosts)
        return lines

    def add_diff(self, event: TaskEvent, diff: str) -> list[Line]:
        """Note what changes on a host; that is shown when it is known of all hosts, to tell the same once."""
        if event.module not in WITHOUT_DIFF and diff.strip():
            self._diffs.setdefault(diff, []).append(event.host)
            self._diff_may_come.discard(event.host)
        return self._due_diffs()

    def diffs(self) -> list[Line]:
        """Return what changes, as far as it has not been shown."""
        shown = []
        for diff, hosts in self._diffs.items():
            lines = [f"  {short_paths(line)}" for line in diff.rstrip().splitlines()]
            shown += [Line(harmless_line(f"{', '.join(dict.fromkeys(hosts))}:")), *map(Line, lines[:DIFF_LINES])]
            if len(lines) > DIFF_LINES:
                shown.append(Line(f"  … and {len(lines) - DIFF_LINES} more lines (-v shows all)"))
        self._diffs.clear()
        return shown

    def _due_diffs(self) -> list[Line]:
        return [] if self._diff_may_come else self.diffs()

    def began(self, event: TaskEvent, *, asks: bool = False) -> None:
        """Note that a task began; ``asks`` says that it waits for a person at the keyboard."""
        self._events.setdefault(event.host, []).append(event)
        # What only holds the role together says nothing of what a host does.
        if event.module == HOLDS_TOGETHER and self.board.has_begun(event.host):
            return
        self._silent_since[event.host] = event.at
        what = "beginning" if event.module == HOLDS_TOGETHER else event.task
        self.board.begin(
            event.host, MODULES[event.module].doing if event.module in MODULES else what, event.at, asks=asks
        )

    def ended(self, event: TaskEvent) -> list[Line]:
        """Note how a task ended."""
        events = self._events.setdefault(event.host, [])
        seconds = event.at - events[-1].at if events else 0.0
        events.append(event)
        if event.module == "nix_activate" and event.result.get("outcome") == AWAITING:
            self._awaiting.add(event.host)
        elif event.module in ("nix_activate", "nix_confirm"):
            self._awaiting.discard(event.host)
        self.board.end(event.host, event.at, awaits=event.host in self._awaiting)
        if event.status != "ok":
            return self._failed(event)
        if event.only_asked:
            return []
        lines = []
        if event.result.get("changed") and not self.drawn:
            message = short_paths(str(event.result.get("msg") or "done").partition("\n")[0])
            what = f"{stage}: {message}" if (stage := stage_of(event)) else f"{event.task}: changed"
            lines = [self._line(event.host, what, seconds, "changed")]
        if event.module in LAST and event.host not in self._awaiting:
            lines += self._finish(event.host)
        return lines

    def ignored(self, event: TaskEvent) -> list[Line]:
        """Note a failure that the playbook does not mind."""
        self.board.end(event.host, event.at, awaits=event.host in self._awaiting)
        text = f"{event.host}: {event.task}: {Failure.from_result(event.result).cause} (ignored)"
        return note(text, self._width(), indent="")

    def finish_all(self) -> list[Line]:
        """Finish all hosts that are not done, since nothing follows."""
        lines = []
        for host in self.board.unfinished:
            failure = self._record(host).failure
            lines += self._finish(host)
            if failure is not None:
                # A host that was never confirmed has no task that failed.
                lines += self._why(host, failure, None)
        return lines

    def long_running(self, now: float) -> list[Line]:
        """Return a line for each host that has been at the same for long."""
        waiting = [
            work for work in self.board.working(now) if now - self._silent_since[work.host] >= LONG_RUNNING_SECONDS
        ]
        for work in waiting:
            self._silent_since[work.host] = now
        return self._at_work(waiting, now)

    def interrupted(self, now: float) -> list[Line]:
        """Return that the run was interrupted, and a line for each host that was at work."""
        return [Line("interrupted", "failed"), *self._at_work(self.board.working(now), now)]

    def unconfirmed(self, now: float, options: str = "") -> list[Line]:
        """Return what becomes of the hosts that an interrupted run can no longer confirm, and how to decide it at once."""
        return [line for host in self._left_in_the_middle() for line in self._unconfirmed(host, now, options)]

    def _left_in_the_middle(self) -> list[str]:
        return [host for host in self.board.unfinished if host in self._awaiting or self._is_activating(host)]

    def interrupted_records(self, now: float) -> tuple[HostRecord, ...]:
        """Return what is known of the hosts of an interrupted run: those that it has left in the middle are that."""
        outcomes = dict.fromkeys((work.host for work in self.board.working(now) if work.over is None), INTERRUPTED)
        outcomes |= dict.fromkeys(self._left_in_the_middle(), ACTIVATING)
        return tuple(
            dataclasses.replace(record, outcome=outcomes[record.host], failure=None, ended=now)
            if record.host in outcomes
            else record
            for record in records(self.events)
        )

    def _unconfirmed(self, host: str, now: float, options: str) -> list[Line]:
        goes_back, deployment = self.board.awaited(host)
        when = "unless it is confirmed when it is up" if goes_back is None else f"in {max(round(goes_back - now), 0)} s"
        if not deployment:
            lines = note(f"{host} was being activated, which goes on there", self._width(), "failed", indent="")
            return [*lines, Line("  next: see with nix.fleet.status what it runs")]
        text = f"{host} was being activated, and goes back by itself {when}"
        lines = note(text, self._width(), "failed", indent="")
        # To be copied, so that no line of it is broken.
        command = f"ansible {host}{options} -m nix.fleet.nix_confirm -a"
        lines += [
            Line(
                "  next, to let it stay, as soon as it waits for that:"
                if goes_back is None
                else "  next, to let it stay:"
            ),
            Line(f"    {command} deployment={deployment}"),
        ]
        cancelled = f"    {command} 'deployment={deployment} confirmation=cancel'"
        return [*lines, Line("  or to have it go back at once:"), Line(cancelled)]

    def _is_activating(self, host: str) -> bool:
        last = self._events[host][-1]
        return last.status == "started" and last.module == "nix_activate"

    @property
    def events(self) -> list[TaskEvent]:
        """All that has been noted, in its order."""
        return sorted((event for events in self._events.values() for event in events), key=lambda event: event.at)

    def _at_work(self, works: Iterable[Work], now: float) -> list[Line]:
        return [self._line(work.host, work.text(now), now - work.arrived) for work in works]

    def _line(self, host: str, what: str, seconds: float, meaning: Meaning = "plain") -> Line:
        return Line(harmless_line(f"{host.ljust(self.board.widest)}  {what} ({duration(seconds)})"), meaning)

    def _failed(self, event: TaskEvent) -> list[Line]:
        failure = self._record(event.host).failure or Failure.from_event(event)
        command = event.result.get("command") if event.module else None
        return [*self._finish(event.host), *self._why(event.host, failure, command)]

    def _why(self, host: str, failure: Failure, command: str | None) -> list[Line]:
        # A rollback tells once more of the failure that brought it about.
        if (host, failure.cause) in self._causes_shown:
            return []
        self._causes_shown.add((host, failure.cause))
        first = self._shown_below.setdefault(failure, host)
        if first != host:
            return note(f"as {first}: {failure.headline}", self._width(), "failed")
        lines = why(failure, self._width(), "failed", log_lines=LOG_LINES)
        return [*lines, *(_command(harmless_line(command), self._width()) if command else [])]

    def _finish(self, host: str) -> list[Line]:
        """Return the line of a host that is done, unless it would say the same again."""
        record = self._record(host)
        view = view_of([record])
        state = view.state(record)
        self.board.finish(host, state.text)
        self._diff_may_come.discard(host)
        # The time alone is no change.
        row = view.row(record)[:-1]
        # Nothing to do, and only looked at: the table tells it.
        brief = state.meaning == "ok" or (view is STATUS and record.failure is None)
        if self._shown.get(host) == row or brief or not (self.drawn or record.failure):
            return self._due_diffs()
        self._shown[host] = row
        cells = "  ".join(("" if cell == NOTHING else cell).ljust(COLUMN) for cell in view.row(record)[1:])
        text = f"{MARKS.get(state.meaning, '✓')} {host.ljust(self.board.widest)}  {cells}".rstrip()
        return [*self._due_diffs(), Line(harmless_line(text), state.meaning)]

    def _record(self, host: str) -> HostRecord:
        """Return what is known of a host, also where no module of ours has run."""
        return records(self._events[host], foreign=True)[0]


# Of a terminal's lines, what is drawn takes at most this share: the rest is for the lines that stay.
SHARE = 0.6
# Below the hosts: how many there are besides, and all of them in one line.
OTHER_LINES = 2
WIDEST_NAME = 30
# Where the hosts that are done have a mark.
INDENT = "  "


class Drawing:
    """A board, drawn on standard output until it is left. All of it is called by whoever has Ansible's lock on it."""

    def __init__(self, *, color: bool) -> None:
        self._console = Console(no_color=not color, highlight=False, soft_wrap=True)
        self._live: Live | None = None

    def draw(self, board: Board, now: float, seconds: float) -> None:
        """Draw ``board``, unless somebody types what must not be seen: then it is a program's turn that waits for it."""
        if _types_secretly():
            return
        if self._live is None:
            # What others print meanwhile, rich puts above. What goes elsewhere is to arrive there.
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stderr=sys.stderr.isatty(),
                vertical_overflow="crop",
            )
            self._live.start()
            # Nothing has to be put right when the run is killed.
            self._console.show_cursor()
        self._live.update(picture(board, now, seconds, self._console.size.height), refresh=True)

    def clear(self) -> None:
        """Take it off the screen, until it is drawn again."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def picture(board: Board, now: float, seconds: float, height: int) -> Group:
    """Return the hosts at work as a terminal of so many lines has room for them, and a line for all hosts."""
    room = max(1, int(height * SHARE) - OTHER_LINES)
    working = board.working(now)
    shown = working if len(working) <= room else working[: room - 1]
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", width=len(INDENT) + min(board.widest, WIDEST_NAME))
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(no_wrap=True, justify="right")
    for work in shown:
        table.add_row(_text(INDENT + work.host), _text(work.text(now), style="cyan"), duration(now - work.arrived))
    if len(shown) < len(working):
        table.add_row(Text(f"{INDENT}…"), Text(f"{len(working) - len(shown)} more at work"))
    return Group(table, Text(board.counts(now, seconds), style="bold", no_wrap=True, overflow="ellipsis"))


def _text(text: str, style: str = "") -> Text:
    return Text(harmless_line(text), style=style)


def _types_secretly() -> bool:
    """Whether the terminal does not show what is typed, as when ssh asks for a passphrase."""
    with contextlib.suppress(AttributeError, ValueError, OSError, termios.error):
        return not termios.tcgetattr(sys.stdin.fileno())[3] & termios.ECHO
    return False
