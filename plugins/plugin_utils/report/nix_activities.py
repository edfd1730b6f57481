# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nix builds, fetches and copies, and when, from its log as it comes; kept for the trace of the run.

The numbers are those of Nix's `ActivityType`, and the fields of each what `src/libstore` gives it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import heapq
import itertools
import typing as t

from ..core.text import harmless_line, redacted
from ..nix.log import BUILD, SUBSTITUTE, Event, derivation_name
from ..nix.store import store_path_name
from ..run_state.run_state import RunStateError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..run_state.run_state import RunState


@dataclasses.dataclass(frozen=True)
class Slice:
    """Times are in seconds of a clock that never goes back, and that all processes of a machine share.

    ``number`` is that of an activity of Nix, and ``parent`` of the one that it is part of; 0 where there is none.
    """

    name: str
    category: str
    began: float
    ended: float
    detail: Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    number: int = 0
    parent: int = 0

    def within(self, began: float, ended: float) -> Slice:
        """Return the part of it between two moments."""
        return dataclasses.replace(
            self, began=min(max(self.began, began), ended), ended=max(min(self.ended, ended), began)
        )


# The topic of the run's state: a note for each slice, under its host, and one under no name where a trace is wanted.
TOPIC = "trace"


def begin_notes(state: RunState) -> None:
    """Have all processes of the run note what they do. Raises ``RunStateError``."""
    state.note(TOPIC, "", True)


def notes_wanted(state: RunState) -> bool:
    """Whether anything is to be noted."""
    with contextlib.suppress(RunStateError):
        return state.latest(TOPIC, "") is not None
    return False


def write_notes(state: RunState, host: str, slices: Iterable[Slice]) -> None:
    """Write down what was done for ``host``. A trace is worth no deployment: what cannot be written is left out."""
    with contextlib.suppress(RunStateError):
        state.note_all(TOPIC, [(host, dataclasses.asdict(each)) for each in slices])


def read_notes(state: RunState) -> dict[str, list[Slice]]:
    """Return what was noted for each host."""
    noted: dict[str, list[Slice]] = {}
    with contextlib.suppress(RunStateError):
        for note in state.notes(TOPIC):
            if note.name:
                noted.setdefault(note.name, []).append(Slice(**note.value))
    return noted


COPY_PATH = 100
POST_BUILD_HOOK = 110
BUILD_WAITING = 111
# A command may copy any number of paths. Of those, the ones that took longest are worth a look.
MOST_KEPT = 2000
# What has begun and not ended: more than that no real Nix does at a time.
MOST_OPEN = 10_000
LONGEST_NAME = 200
NAMES_TOLD = 5
WAIT = "nix-wait"


class Activities:
    """Follows the log of one command, by ``clock``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # Each with when it began, and what it is part of.
        self._open: dict[int, tuple[Event, float, int]] = {}
        # Of what is not shown: the activity that is, and that it is part of.
        self._parents: dict[int, int] = {}
        # The shortest first. The count decides between two that took equally long.
        self._ended: list[tuple[float, int, Slice]] = []
        self._count = itertools.count()

    def read(self, line: str) -> None:
        """Take one line."""
        event = Event.parse(line)
        if event is None:
            return
        if event.action == "start":
            self._begin(event)
        elif event.action == "stop":
            self._parents.pop(event.id, None)
            if begun := self._open.pop(event.id, None):
                self._keep(*begun)

    def slices(self) -> list[Slice]:
        """Return what was done, in the order in which it began; what has not ended is taken to end now."""
        for begun in self._open.values():
            self._keep(*begun)
        self._open.clear()
        found = sorted((kept for _seconds, _number, kept in self._ended), key=lambda kept: (kept.began, -kept.ended))
        waits = [each for each in found if each.category == WAIT]
        others = [each for each in found if each.category != WAIT]
        return sorted((*others, *_together(waits)), key=lambda kept: kept.began)

    def _begin(self, event: Event) -> None:
        if len(self._open) + len(self._parents) >= MOST_OPEN:
            return
        parent = event.parent if event.parent in self._open else self._parents.get(event.parent, 0)
        if event.type in (COPY_PATH, SUBSTITUTE, BUILD, POST_BUILD_HOOK, BUILD_WAITING):
            self._open[event.id] = (event, self._clock(), parent)
        elif parent:
            self._parents[event.id] = parent

    def _keep(self, event: Event, began: float, parent: int) -> None:
        category, name, detail = _described(event)
        done = Slice(harmless_line(name)[:LONGEST_NAME], category, began, self._clock(), detail, event.id, parent)
        heapq.heappush(self._ended, (done.ended - done.began, next(self._count), done))
        if len(self._ended) > MOST_KEPT:
            heapq.heappop(self._ended)


def _together(waits: list[Slice]) -> list[Slice]:
    """Return waits at the same time as one: whoever waits for a build waits for each lock that it holds."""
    groups: list[list[Slice]] = []
    for wait in waits:
        if groups and wait.began < max(each.ended for each in groups[-1]):
            groups[-1].append(wait)
        else:
            groups.append([wait])
    return [_one_of(*group) for group in groups]


def _one_of(first: Slice, *others: Slice) -> Slice:
    if not others:
        return first
    names = [each.name for each in (first, *others)]
    rest = [f"and {len(names) - NAMES_TOLD} more"] if len(names) > NAMES_TOLD else []
    return dataclasses.replace(
        first,
        name=f"{first.name}, and {len(others)} more",
        ended=max(each.ended for each in (first, *others)),
        detail={"for": "; ".join([*names[:NAMES_TOLD], *rest])},
    )


def _described(event: Event) -> tuple[str, str, dict[str, str]]:
    """Return the category, the name and the details of an activity."""
    first, second, *_more = (*map(str, event.fields), "", "")
    if event.type == COPY_PATH:
        return "nix-copy", f"copy {store_path_name(first)}", {"path": first}
    if event.type == SUBSTITUTE:
        return "nix-fetch", f"fetch {store_path_name(first)}", {"path": first, "from": redacted(second)}
    if event.type == BUILD:
        where = {"machine": redacted(second)} if second else {}
        return "nix-build", f"build {derivation_name(first)}", {"derivation": first, **where}
    if event.type == POST_BUILD_HOOK:
        return "nix-build", f"post-build hook of {derivation_name(first)}", {"derivation": first}
    # It has no fields in all versions, and says in words whether that is a lock or a machine.
    return WAIT, redacted(event.text) or "waiting", {}
