# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that a run leaves on the terminal or in a log, and what is drawn there: a host is done, failed, or still at work."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import re
import sys
import termios
import typing as t

from ..core.text import counted, duration, harmless_line
from .events import Failure
from .records import AWAITING, INTERRUPTED, MODULES, HostRecord, records, stage_of
from .summary import NOTHING, STATUS, view_of, why
from .table import Line, Meaning, note, short_paths

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
    from .progress import Progress

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


# Many tasks have nothing to do for a host, and there is a moment between any two. What is over sooner than that is
# not shown.
BRIEF_SECONDS = 1.0
# What goes back by itself says so by then; what has not may be stopped.
SILENT_SECONDS = 60


@dataclasses.dataclass
class Host:
    """A host's tasks, and what it does now, since ``began``; it has been at work in this run since ``arrived``.

    ``before`` is what it did before, until its task says more. ``goes_back`` is when the machine returns to what it ran
    before, None where nobody said, unless ``deployment`` is confirmed by then. ``asks`` says whether the task waits for a
    person at the keyboard, ``over`` when it ended, and ``state`` how the host is, if it is done as far as is known.
    """

    name: str
    events: list[TaskEvent] = dataclasses.field(default_factory=list)
    arrived: float = 0.0
    has_begun: bool = False
    at_work: bool = False
    what: str = ""
    before: str = ""
    did: str = ""
    began: float = 0.0
    silent_since: float = 0.0
    over: float | None = None
    asks: bool = False
    awaiting: bool = False
    goes_back: float | None = None
    deployment: str = ""
    state: str | None = None
    shown: tuple[str, ...] = ()

    def begin(self, what: str, at: float, *, asks: bool) -> None:
        """Note that a task began."""
        if not self.has_begun:
            self.has_begun, self.arrived = True, at
        self.at_work, self.asks = True, asks
        self.what, self.before = what, self.did
        self.began = self.silent_since = at
        self.over = None

    def say(self, progress: Progress, at: float) -> None:
        """Note what its process has sent."""
        if progress.deployment or progress.seconds is not None:
            self.goes_back = None if progress.seconds is None else at + progress.seconds
            self.deployment = progress.deployment
        if self.is_busy:
            self.what, self.before = progress.text, ""

    def end(self, at: float) -> None:
        """Note that its task ended."""
        if not self.awaiting:
            self.goes_back, self.deployment = None, ""
        self.state = None
        if self.at_work:
            self.did, self.over = self.what, at

    def skip(self, at: float) -> None:
        """Note that its task had nothing to do for it."""
        if self.state is not None:
            self.at_work = False
        elif self.at_work:
            self.what, self.over = self.before or self.what, at

    def text(self, now: float) -> str:
        """Return what it does, and for how long it may."""
        what = self.before if self.before and self._is_brief(now) else self.what
        if self.goes_back is None:
            return what
        left = round(self.goes_back - now)
        if left > 0:
            return f"{what}, {left} s left"
        if left > -SILENT_SECONDS:
            return f"{what}: its time is over, and it goes back by itself"
        return f"{what}: its time is over, and it has not said that it went back"

    @property
    def is_busy(self) -> bool:
        """Whether it has a task that has not ended."""
        return self.at_work and self.over is None

    def is_shown(self, now: float) -> bool:
        """Whether it is at work, or has been a moment ago, and a task of one that was done takes its time."""
        if not self.at_work or (self.state is not None and self._is_brief(now)):
            return False
        return self.over is None or now - self.over < BRIEF_SECONDS

    def _is_brief(self, now: float) -> bool:
        return now - self.began < BRIEF_SECONDS

    @property
    def is_left_in_the_middle(self) -> bool:
        """Whether it is being activated, or waits to be confirmed, where the run goes no further."""
        if not self.has_begun or self.state is not None:
            return False
        last = self.events[-1]
        return self.awaiting or (last.status == "started" and last.module == "nix_activate")

    @property
    def record(self) -> HostRecord:
        """What is known of it, also where no module of ours has run."""
        return records(self.events, foreign=True)[0]


class TerminalLog:
    """Takes events, and returns the lines to print for each.

    Where it is ``drawn``, who is at work is seen in the picture, and a host that has changed or failed has a line when it is
    done. Elsewhere each stage that has changed something has one. A host that has nothing to do is in the closing table.
    """

    def __init__(self, width: Callable[[], int], *, drawn: bool) -> None:
        self.drawn = drawn
        self._width = width
        self._hosts: dict[str, Host] = {}
        # The names of the hosts of the play.
        self._play: tuple[str, ...] = ()
        self._causes_shown: set[tuple[str, str]] = set()
        self._shown_below: dict[Failure, str] = {}
        # Each diff that has not been shown, with its hosts; and the hosts of which one may come yet.
        self._diffs: dict[str, list[str]] = {}
        self._diff_may_come: set[str] = set()

    def play(self, hosts: Iterable[str]) -> list[Line]:
        """Begin a play, or its next batch; what the hosts did before is over. Who is done stays so until it has a task again."""
        lines = [*self.finish_all(), *self.diffs()]
        self._play = tuple(hosts)
        self._diff_may_come = set(self._play)
        for host in self._hosts.values():
            host.at_work = False
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
        host = self._host(event.host)
        host.events.append(event)
        if event.module in MODULES:
            host.begin(MODULES[event.module].doing, event.at, asks=asks)
        elif event.module != HOLDS_TOGETHER:
            host.begin(event.task, event.at, asks=asks)
        # What only holds the role together says nothing of what a host does.
        elif not host.has_begun:
            host.begin("beginning", event.at, asks=asks)

    def update(self, received: Iterable[Progress], at: float) -> None:
        """Note what the processes of hosts have sent."""
        for progress in received:
            self._host(progress.host).say(progress, at)

    def skipped(self, name: str, at: float) -> None:
        """Note that a task had nothing to do for a host."""
        self._host(name).skip(at)

    def ended(self, event: TaskEvent) -> list[Line]:
        """Note how a task ended."""
        host = self._host(event.host)
        seconds = event.at - host.events[-1].at if host.events else 0.0
        host.events.append(event)
        if event.module in ("nix_activate", "nix_confirm"):
            host.awaiting = event.module == "nix_activate" and event.result.get("outcome") == AWAITING
        host.end(event.at)
        if event.status != "ok":
            failure = host.record.failure or Failure.from_event(event)
            command = event.result.get("command") if event.module else None
            return [*self._finish(host), *self._why(host, failure, command)]
        if event.only_asked:
            return []
        lines = []
        if event.result.get("changed") and not self.drawn:
            message = short_paths(str(event.result.get("msg") or "done").partition("\n")[0])
            what = f"{stage}: {message}" if (stage := stage_of(event)) else f"{event.task}: changed"
            lines = [self._line(host, what, seconds, "changed")]
        if event.module in LAST and not host.awaiting:
            lines += self._finish(host)
        return lines

    def ignored(self, event: TaskEvent) -> list[Line]:
        """Note a failure that the playbook does not mind."""
        self._host(event.host).end(event.at)
        text = f"{event.host}: {event.task}: {Failure.from_result(event.result).cause} (ignored)"
        return note(text, self._width(), indent="")

    def finish_all(self) -> list[Line]:
        """Finish all hosts that are not done, since nothing follows."""
        lines = []
        for host in self._hosts.values():
            if host.has_begun and host.state is None:
                lines += self._finish(host)
                if failure := host.record.failure:
                    # A host that was never confirmed has no task that failed.
                    lines += self._why(host, failure, None)
        return lines

    def long_running(self, now: float) -> list[Line]:
        """Return a line for each host that has been at the same for long."""
        waiting = [host for host in self.working(now) if now - host.silent_since >= LONG_RUNNING_SECONDS]
        for host in waiting:
            host.silent_since = now
        return self._at_work(waiting, now)

    def interrupted(self, now: float) -> list[Line]:
        """Return that the run was interrupted, and a line for each host that was at work."""
        return [Line("interrupted", "failed"), *self._at_work(self.working(now), now)]

    def interrupted_records(self, now: float) -> tuple[HostRecord, ...]:
        """Return what is known of the hosts of an interrupted run: those that it has left in the middle are that."""
        outcomes = {host.name: INTERRUPTED for host in self.working(now) if host.is_busy}
        outcomes |= {host.name: ACTIVATING for host in self._hosts.values() if host.is_left_in_the_middle}
        found = records(self.events)
        for record in found:
            if record.host in outcomes:
                record.outcome, record.failure, record.ended = outcomes[record.host], None, now
        return found

    def unconfirmed(self, now: float, options: str = "") -> list[Line]:
        """Return what becomes of the hosts that an interrupted run can no longer confirm, and how to decide it at once."""
        hosts = [host for host in self._hosts.values() if host.is_left_in_the_middle]
        return [line for host in hosts for line in self._unconfirmed(host, now, options)]

    def _unconfirmed(self, host: Host, now: float, options: str) -> list[Line]:
        if not host.deployment:
            lines = note(f"{host.name} was being activated, which goes on there", self._width(), "failed", indent="")
            return [*lines, Line("  next: see with nix.fleet.status what it runs")]
        when, stay = "unless it is confirmed when it is up", "to let it stay, as soon as it waits for that"
        if host.goes_back is not None:
            when, stay = f"in {max(round(host.goes_back - now), 0)} s", "to let it stay"
        text = f"{host.name} was being activated, and goes back by itself {when}"
        # To be copied, so that no line of it is broken.
        command = f"    ansible {host.name}{options} -m nix.fleet.nix_confirm -a"
        return [
            *note(text, self._width(), "failed", indent=""),
            Line(f"  next, {stay}:"),
            Line(f"{command} deployment={host.deployment}"),
            Line("  or to have it go back at once:"),
            Line(f"{command} 'deployment={host.deployment} confirmation=cancel'"),
        ]

    @property
    def events(self) -> list[TaskEvent]:
        """All that has been noted, in its order."""
        return sorted((event for host in self._hosts.values() for event in host.events), key=lambda event: event.at)

    def working(self, now: float) -> list[Host]:
        """Return the hosts with a task, and first those that have been at work for longest."""
        return sorted((host for host in self._hosts.values() if host.is_shown(now)), key=lambda host: host.arrived)

    def is_busy(self) -> bool:
        """Whether anybody is at work, and nobody has to type something for it."""
        busy = [host for host in self._hosts.values() if host.is_busy]
        return bool(busy) and not any(host.asks for host in busy)

    @property
    def widest(self) -> int:
        """How many characters the longest of the hosts' names has."""
        return max(map(len, self._play), default=0)

    def counts(self, now: float, seconds: float) -> str:
        """Return all hosts in one line: ``7 hosts: 2 at work, 4 confirmed, 1 waiting (45 s)``."""
        working = [host.name for host in self.working(now)]
        names = dict.fromkeys((*self._play, *working))
        hosts = [host for name, host in self._hosts.items() if name in names and name not in working]
        counts = {"at work": len(working)}
        counts |= collections.Counter(host.state for host in hosts if host.state is not None)
        counts["waiting"] = len(names) - sum(counts.values())
        text = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        return f"{counted(len(names), 'host')}: {text or 'none at work'} ({duration(seconds)})"

    def _host(self, name: str) -> Host:
        return self._hosts.setdefault(name, Host(name))

    def _at_work(self, hosts: Iterable[Host], now: float) -> list[Line]:
        return [self._line(host, host.text(now), now - host.arrived) for host in hosts]

    def _line(self, host: Host, what: str, seconds: float, meaning: Meaning = "plain") -> Line:
        return Line(harmless_line(f"{host.name.ljust(self.widest)}  {what} ({duration(seconds)})"), meaning)

    def _why(self, host: Host, failure: Failure, command: str | None) -> list[Line]:
        # A rollback tells once more of the failure that brought it about.
        if (host.name, failure.cause) in self._causes_shown:
            return []
        self._causes_shown.add((host.name, failure.cause))
        first = self._shown_below.setdefault(failure, host.name)
        if first != host.name:
            return note(f"as {first}: {failure.headline}", self._width(), "failed")
        lines = why(failure, self._width(), "failed", log_lines=LOG_LINES)
        return [*lines, *(_command(harmless_line(command), self._width()) if command else [])]

    def _finish(self, host: Host) -> list[Line]:
        """Return the line of a host that is done, unless it would say the same again."""
        record = host.record
        view = view_of([record])
        state = view.state(record)
        host.state, host.at_work = state.text, False
        self._diff_may_come.discard(host.name)
        # The time alone is no change.
        row = view.row(record)[:-1]
        # Nothing to do, and only looked at: the table tells it.
        brief = state.meaning == "ok" or (view is STATUS and record.failure is None)
        if host.shown == row or brief or not (self.drawn or record.failure):
            return self._due_diffs()
        host.shown = row
        cells = "  ".join(("" if cell == NOTHING else cell).ljust(COLUMN) for cell in view.row(record)[1:])
        text = f"{MARKS.get(state.meaning, '✓')} {host.name.ljust(self.widest)}  {cells}".rstrip()
        return [*self._due_diffs(), Line(harmless_line(text), state.meaning)]


# Of a terminal's lines, what is drawn takes at most this share: the rest is for the lines that stay.
SHARE = 0.6
# Below the hosts: how many there are besides, and all of them in one line.
OTHER_LINES = 2
WIDEST_NAME = 30
# Where the hosts that are done have a mark.
INDENT = "  "


class Drawing:
    """The hosts at work, drawn on standard output until it is left. All of it is called by whoever has Ansible's lock on it."""

    def __init__(self, *, color: bool) -> None:
        self._console = Console(no_color=not color, highlight=False, soft_wrap=True)
        self._live: Live | None = None

    def draw(self, log: TerminalLog, now: float, seconds: float) -> None:
        """Draw who is at work, unless somebody types what must not be seen: then it is a program's turn that waits for it."""
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
        self._live.update(picture(log, now, seconds, self._console.size.height), refresh=True)

    def clear(self) -> None:
        """Take it off the screen, until it is drawn again."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def picture(log: TerminalLog, now: float, seconds: float, height: int) -> Group:
    """Return the hosts at work as a terminal of so many lines has room for them, and a line for all hosts."""
    room = max(1, int(height * SHARE) - OTHER_LINES)
    working = log.working(now)
    shown = working if len(working) <= room else working[: room - 1]
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis", width=len(INDENT) + min(log.widest, WIDEST_NAME))
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(no_wrap=True, justify="right")
    for host in shown:
        table.add_row(_text(INDENT + host.name), _text(host.text(now), style="cyan"), duration(now - host.arrived))
    if len(shown) < len(working):
        table.add_row(Text(f"{INDENT}…"), Text(f"{len(working) - len(shown)} more at work"))
    return Group(table, Text(log.counts(now, seconds), style="bold", no_wrap=True, overflow="ellipsis"))


def _text(text: str, style: str = "") -> Text:
    return Text(harmless_line(text), style=style)


def _types_secretly() -> bool:
    """Whether the terminal does not show what is typed, as when ssh asks for a passphrase."""
    with contextlib.suppress(AttributeError, ValueError, OSError, termios.error):
        return not termios.tcgetattr(sys.stdin.fileno())[3] & termios.ECHO
    return False
