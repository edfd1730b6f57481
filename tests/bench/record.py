# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a benchmark is: one piece of work, and the ways of doing it that are measured side by side."""

from __future__ import annotations

import dataclasses
import typing as t
from collections.abc import Callable, Mapping
from pathlib import Path

if t.TYPE_CHECKING:
    from .ground import Ground
    from .measure import Run

# What was measured once: by quantity, such as seconds or bytes_sent.
Measured = dict[str, float]
# Something done to the ground at one point of a row, such as 20 hosts.
Act = Callable[["Ground", int], None]


def nothing(_ground: Ground, _point: int) -> None:
    """Do nothing."""


def no_more(_ground: Ground, _point: int, _run: Run) -> Measured:
    """Read off nothing beside what is measured of every command."""
    return {}


@dataclasses.dataclass(frozen=True)
class Command:
    """A program and its arguments, with what it finds around itself."""

    argv: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Way:
    """One way to do the work. ``before`` puts everything back to the start; it is not measured."""

    name: str
    # us: the collection. bare: the work without any deployment tool. peer: another tool.
    kind: t.Literal["us", "bare", "peer"]
    command: Callable[[Ground, int], Command]
    before: Act = nothing
    read: Callable[[Ground, int, Run], Measured] = no_more
    # The programs that must be on PATH.
    needs: tuple[str, ...] = ()
    # The last point at which it is tried: what takes minutes for a known reason is not waited for.
    up_to: int | None = None


@dataclasses.dataclass(frozen=True)
class Bar:
    """How much of a quantity we may need, as a multiple of what another way needs in the same run."""

    factor: float
    against: str
    of: str = "seconds"
    us: str = "nix.fleet"


@dataclasses.dataclass(frozen=True)
class Row:
    """One piece of work at several sizes. ``points`` are measured by default, ``more`` with `--everything`."""

    name: str
    what: str
    # What the points count: hosts, paths, ms of a round trip, ...
    unit: str
    points: tuple[int, ...]
    ways: tuple[Way, ...]
    more: tuple[int, ...] = ()
    # The quantity that is charted, and what it is called there.
    quantity: str = "seconds"
    bars: tuple[Bar, ...] = ()
    # The point at which the bars hold; without it, each point that is measured.
    at: int | None = None
    prepare: Act = nothing
    # Whether the memory of all processes is looked at while they run, which costs all of them alike.
    memory: bool = False
    # The host whose processes' memory is looked at as well.
    watched: str = ""

    def at_points(self, *, everything: bool, hosts: int) -> tuple[int, ...]:
        """Return the points to measure: of hosts, no more than there are, and then as many as there are."""
        wanted = sorted({*self.points, *(self.more if everything else ())})
        if self.unit != "hosts":
            return tuple(wanted)
        return tuple(sorted({min(point, hosts) for point in wanted}))
