# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nix prints with ``--log-format internal-json``: activities, messages, and the logs of builders.

Some of it comes from other machines. What makes no sense is passed over, and what has no end is not kept whole.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import typing as t

from ..core.process import Recent
from .store import store_path_name

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PREFIX = "@nix "
LOG_FORMAT = ("--log-format", "internal-json")

# Numbers of Nix's `ActivityType` and `ResultType`.
BUILDS = 104
BUILD = 105
SUBSTITUTE = 108
BUILD_LOG_LINE = 101
SET_PHASE = 104
PROGRESS = 105
POST_BUILD_LOG_LINE = 107

ERROR_LEVEL = 0
# Beyond this level, messages tell of the course of things and not of anything to act on.
NOTICE_LEVEL = 2
ANSI = re.compile(r"\x1b\[[0-9;]*m")
# What happened to the derivation itself; from 2.30 on mostly in the second form.
FAILED = re.compile(
    r"builder for '(/nix/store/[^']+\.drv)' failed"
    r"|Cannot build '(/nix/store/[^']+\.drv)'"
    r"|fixed-output derivation '(/nix/store/[^']+\.drv)'"
    r"|is required to build '(/nix/store/[^']+\.drv)'"
)
DEPENDENCY_FAILED = re.compile(r"dependenc(y|ies)( of derivation '[^']+')? failed")
PLAN = re.compile(r"^(?:this|these) .*will be (built|fetched)")
OLD_FORM = re.compile(r"builder for '[^']+' ")
AFTER_REASON = re.compile(r"Output paths:|Last \d+ log lines:|For full logs")
# Characters of messages, and of one builder's log, that are kept; and how many events of a kind.
MESSAGES_ROOM = 64_000_000
LOG_ROOM = 200_000
MOST_EVENTS = 1_000_000
# Nix's own, and what a configuration warns of: by builtins.warn, or as a trace, as older libraries do.
WARNING = re.compile(r"^(?:(?P<configuration>trace: |evaluation |trace: evaluation ))?warning:\s*")
MOST_WARNINGS = 20
WARNING_ROOM = 2_000
LOG_EXCERPT = re.compile(r"^\s*> ?(?P<line>.*)$", re.MULTILINE)


def readable(command: Sequence[str]) -> list[str]:
    """Return ``command`` as a person would give it, with a log for eyes."""
    at = next((at for at in range(len(command)) if tuple(command[at : at + 2]) == LOG_FORMAT), None)
    return list(command) if at is None else [*command[:at], *command[at + 2 :]]


# By far the most of what Nix prints, several lines a file that is copied, in the form in which it prints them.
PROGRESS_LINE = re.compile(
    r'@nix \{"action":"result","fields":\[(\d{1,18}),(\d{1,18}),(\d{1,18}),(\d{1,18})\],"id":(\d{1,18}),"type":105\}'
)


class Event(t.NamedTuple):
    """One line of the log, with what there is of sense in it."""

    action: str
    id: int
    type: int
    level: int
    text: str
    raw: str
    fields: tuple[t.Any, ...]
    parent: int

    @classmethod
    def parse(cls, line: str) -> Event | None:
        """Read a line; None when it is not one of Nix's events."""
        progress = PROGRESS_LINE.fullmatch(line)
        if progress:
            *fields, activity = map(int, progress.groups())
            return cls("result", activity, PROGRESS, 0, "", "", tuple(fields), 0)
        if not line.startswith(PREFIX):
            return None
        try:
            event = json.loads(line[len(PREFIX) :])
        except (ValueError, RecursionError):
            return None
        if not isinstance(event, dict):
            return None
        told = event.get("fields")
        return cls(
            action=str(event.get("action")),
            id=_number(event.get("id")),
            type=_number(event.get("type")),
            level=_number(event.get("level")),
            # A message has the one, an activity the other.
            text=without_colour(str(event.get("msg") or event.get("text") or "")),
            raw=without_colour(str(event.get("raw_msg") or "")),
            fields=tuple(told) if isinstance(told, list) else (),
            parent=_number(event.get("parent")),
        )


def _number(value: t.Any) -> int:
    return value if isinstance(value, int) else 0


@dataclasses.dataclass(frozen=True)
class Message:
    """Something Nix had to say: ``text`` in full, ``cause`` without the way that led there."""

    level: int
    text: str
    cause: str


@dataclasses.dataclass(frozen=True)
class FailedBuild:
    """A derivation that its builder could not build, why, and what the builder printed."""

    derivation: str
    cause: str
    log: str

    @property
    def name(self) -> str:
        """The derivation's name without hash and suffix."""
        return derivation_name(self.derivation)

    @property
    def reason(self) -> str:
        """The cause in one line, without the derivation's path and an excerpt of the log."""
        lines = [line.strip() for line in self.cause.removeprefix("error:").strip().splitlines()]
        if not lines:
            return "it gave no reason"
        if not lines[0].startswith("Cannot build"):
            return OLD_FORM.sub("builder ", lines[0]).partition(";")[0]
        told = itertools.takewhile(lambda line: not AFTER_REASON.match(line), lines[1:])
        return ", ".join(told).removeprefix("Reason: ").rstrip(".")


class NixLog:
    """Follows the log of one Nix command, line by line as it comes; ``stream`` is handed what builders print."""

    def __init__(self, stream: Callable[[str], None] | None = None) -> None:
        self._stream = stream
        self.messages = Recent[Message](MESSAGES_ROOM, lambda message: len(message.text) + len(message.cause))
        self.other = Recent[str](LOG_ROOM, len)
        self.built: list[str] = []
        self.fetched: list[str] = []
        self.to_build: list[str] = []
        self.to_fetch: list[str] = []
        self.expected = 0
        self._planned: list[str] | None = None
        self._overall: set[int] = set()
        self._derivations: dict[int, str] = {}
        # What is going on, by activity.
        self._building: dict[int, str] = {}
        self._fetching: dict[int, str] = {}
        self._logs: dict[str, Recent[str]] = {}
        # The phase and the last line of each.
        self._phases: dict[int, str] = {}
        self._lines: dict[int, str] = {}

    def read(self, line: str) -> str | None:
        """Take one line; return the derivation or path that starts to be built or fetched with it, if any."""
        event = Event.parse(line)
        if event is None:
            self.other.append(line)
            return None
        return self.take(event)

    def take(self, event: Event) -> str | None:
        """Take what one line says; return the same."""
        if event.action == "msg":
            self._message(event)
        elif event.action == "result":
            self._result(event)
        elif event.action == "start":
            return self._start(event)
        elif event.action == "stop":
            for known in (self._building, self._phases, self._lines):
                known.pop(event.id, None)
            self._fetching.pop(event.id, None)
        return None

    def read_all(self, text: str) -> NixLog:
        """Take a whole log."""
        for line in text.splitlines():
            self.read(line)
        return self

    @property
    def builds_expected(self) -> int:
        """How many derivations will have been built in the end, as far as is known."""
        # Where the plan is not known beforehand, a count stands in that includes what turns out to be there already.
        return max(len(self.built), len(self.to_build) or self.expected)

    @property
    def progress(self) -> str:
        """How far the command is: ``building 3/12 linux-6.12, buildPhase: CC main.o``; nothing while it does neither that nor fetch."""
        # What has been going on for longest.
        for activity, derivation in self._building.items():
            phase, line = self._phases.get(activity), self._lines.get(activity)
            latest = (f", {phase}" if phase else "") + (f": {line}" if line else "")
            return f"building {len(self.built)}/{self.builds_expected} {derivation_name(derivation)}{latest}"
        for path in self._fetching.values():
            # How many there will be is only known where Nix was asked for its plan.
            return f"fetching {max(len(self.fetched), len(self.to_fetch))} paths, {store_path_name(path)}"
        return ""

    @property
    def errors(self) -> list[Message]:
        """The messages that say why the command failed."""
        return [message for message in self.messages if message.level == ERROR_LEVEL and is_error(message.text)]

    @property
    def cause(self) -> str | None:
        """Why the command failed, in Nix's own words."""
        return self.errors[-1].cause if self.errors else None

    @property
    def text(self) -> str:
        """The log as a person would have seen it, without what the builders printed."""
        told = (message.text for message in self.messages if message.level <= NOTICE_LEVEL)
        return "\n".join([*self.other, *told])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What Nix and the configuration warned of, each of it once."""
        return self._warned(lambda found: True)

    @property
    def warnings_of_configuration(self) -> tuple[str, ...]:
        """What the configuration alone warned of: Nix speaks of a machine's settings whenever it is asked anything."""
        return self._warned(lambda found: bool(found["configuration"]))

    def _warned(self, wanted: Callable[[re.Match[str]], bool]) -> tuple[str, ...]:
        found = ((WARNING.match(message.text), message.text) for message in self.messages)
        warned = (text[match.end() :][:WARNING_ROOM] for match, text in found if match and wanted(match))
        return tuple(itertools.islice(dict.fromkeys(warned), MOST_WARNINGS))

    @property
    def failed(self) -> tuple[FailedBuild, ...]:
        """The derivations whose own builders failed; not those that only needed one of them."""
        found: dict[str, FailedBuild] = {}
        for message in self.errors:
            derivation = failed_derivation(message.text)
            if derivation and derivation not in found:
                found[derivation] = FailedBuild(derivation, message.cause, self._log(derivation, message.text))
        return tuple(found.values())

    def _log(self, derivation: str, message: str) -> str:
        lines = self._logs.get(derivation) or [match["line"] for match in LOG_EXCERPT.finditer(message)]
        return "\n".join(lines)

    def _message(self, event: Event) -> None:
        if not self._plans(event.text):
            self.messages.append(Message(event.level, event.text, (event.raw or event.text).strip()))

    def _plans(self, text: str) -> bool:
        """Whether ``text`` belongs to the list of what is about to be built and fetched."""
        heading = PLAN.match(text)
        if heading:
            self._planned = self.to_build if heading[1] == "built" else self.to_fetch
        elif self._planned is not None and text.startswith("  /") and len(self._planned) < MOST_EVENTS:
            self._planned.append(text.strip())
        else:
            self._planned = None
        return self._planned is not None

    def _start(self, event: Event) -> str | None:
        if max(len(self._overall), len(self.fetched), len(self.built)) >= MOST_EVENTS:
            return None
        if event.type == BUILDS:
            self._overall.add(event.id)
        elif event.type == SUBSTITUTE and event.fields:
            self.fetched.append(str(event.fields[0]))
            self._fetching[event.id] = self.fetched[-1]
            return self.fetched[-1]
        if event.type == BUILD and event.fields:
            derivation = str(event.fields[0])
            self._derivations[event.id] = derivation
            self._building[event.id] = derivation
            self.built.append(derivation)
            return derivation
        return None

    def _result(self, event: Event) -> None:
        if event.type in (BUILD_LOG_LINE, POST_BUILD_LOG_LINE):
            derivation = self._derivations.get(event.id)
            if derivation and event.fields:
                log = self._logs.setdefault(derivation, Recent[str](LOG_ROOM, len))
                line = without_colour(str(event.fields[0]))
                log.append(line)
                self._lines[event.id] = line.strip() or self._lines.get(event.id, "")
                if self._stream:
                    self._stream(f"{derivation_name(derivation)}> {line.rstrip()}")
        elif event.type == SET_PHASE and event.fields and event.id in self._derivations:
            self._phases[event.id] = str(event.fields[0])
        elif event.type == PROGRESS and event.id in self._overall and len(event.fields) > 1:
            self.expected = max(self.expected, _number(event.fields[1]))


def failed_derivation(message: str) -> str | None:
    """Return the derivation that could not be built itself, when that is what ``message`` says."""
    match = FAILED.search(message)
    if match is None or DEPENDENCY_FAILED.search(message):
        return None
    return next(path for path in match.groups() if path)


def derivation_name(path: str) -> str:
    """Return the name of a derivation without its hash and suffix."""
    return store_path_name(path).removesuffix(".drv")


def without_colour(text: str) -> str:
    """Return ``text`` without terminal colours."""
    return ANSI.sub("", text) if "\x1b" in text else text


def is_error(text: str) -> bool:
    """Whether a message is an error, and not a trace that a configuration prints at the same level."""
    return text.lstrip().startswith("error:")
