# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A row of the table: which fault befalls a deployment at which moment, and what is to come of it."""

from __future__ import annotations

import dataclasses
import typing as t

if t.TYPE_CHECKING:
    from .scene import Scene

Act = t.Callable[["Scene"], None]


def nothing(_scene: Scene) -> None:
    """Do nothing."""


@dataclasses.dataclass(frozen=True)
class Moment:
    """A moment of a deployment that can be told from any other, and held until a fault has struck.

    ``module`` (a text in Nix; ``{gate}`` is where `reached` and `go` are looked for) makes the configuration wait, ``hold``
    names the task before which the run itself waits.
    """

    name: str
    reached: Act = nothing
    go: Act = nothing
    prepare: Act = nothing
    module: str = "{ }"
    hold: str | None = None
    variables: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    ``prepare`` comes before the deployment, ``strike`` at the moment, and ``mend`` makes it good: when ``meanwhile`` has
    waited for its time, or else when the run has ended. ``module`` is what is wrong with the configuration.
    """

    name: str
    strike: Act = nothing
    mend: Act = nothing
    prepare: Act = nothing
    meanwhile: Act | None = None
    module: str = "{ }"
    variables: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    # What is of no more use when everything has been looked at, and is in the way of other rows.
    clean: Act = nothing
    # Whether the run dies of it, and so can tell nothing.
    kills_run: bool = False
    # Whether the fault is that the moment goes on for longer than it should.
    keeps_out: bool = False


def one_after_another(*acts: Act) -> Act:
    """Return all of them as one."""

    def act(scene: Scene) -> None:
        for each in acts:
            each(scene)

    return act


def pair(first: Fault, second: Fault) -> Fault:
    """Return two faults that come together. The second is made good first, and waits for its time last."""
    waits = [fault.meanwhile for fault in (first, second) if fault.meanwhile is not None]
    return Fault(
        f"{first.name}, and {second.name}",
        one_after_another(first.strike, second.strike),
        one_after_another(second.mend, first.mend),
        prepare=one_after_another(first.prepare, second.prepare),
        meanwhile=one_after_another(*waits) if waits else None,
        module=f"{{ imports = [ ({first.module}) ({second.module}) ]; }}",
        variables={**first.variables, **second.variables},
        clean=one_after_another(second.clean, first.clean),
        kills_run=first.kills_run or second.kills_run,
        keeps_out=first.keeps_out or second.keeps_out,
    )


@dataclasses.dataclass(frozen=True)
class Expectation:
    """What a row is to come to.

    ``stands``: on which system the machine stands in the end. ``told``: how Ansible counts the host. ``outcome``: of the
    deployment, as the task reports it, or the machine's journal when no task could. ``says``: words of the output.
    ``units``: those that have failed by then and had not before, with spaces between them.
    """

    stands: t.Literal["old", "new", "new after a reboot"]
    told: t.Literal["ok", "changed", "failed", "unreachable", "nothing"]
    rc: tuple[int, ...]
    outcome: str | None = None
    says: tuple[str, ...] = ()
    units: str = ""

    def __str__(self) -> str:
        told = "the run is gone" if self.told == "nothing" else self.told
        return ", ".join(filter(None, [f"{self.stands} system", told, self.outcome]))


@dataclasses.dataclass(frozen=True)
class Row:
    """See the file's first lines. ``extra`` looks at what only this row has, and raises when it is wrong."""

    fault: Fault
    moment: Moment
    expectation: Expectation
    host: str = "vps-sg-1"
    builder: str | None = None
    extra: Act = nothing
    # What remains until the next deployment, which then makes up for it: a machine that lost its power cannot tidy up.
    remains: tuple[str, ...] = ()
    representative: bool = False

    @property
    def machines(self) -> str:
        """The machines that have a part in the row."""
        return f"{self.builder} → {self.host}" if self.builder else self.host

    @property
    def name(self) -> str:
        """The row as a test is called."""
        where = "" if self.machines == "vps-sg-1" else f" ({self.machines})"
        return f"{self.fault.name}, {self.moment.name}{where}"


CHANGED = Expectation("new", "changed", (0,), "confirmed")
UNREACHABLE = Expectation("old", "unreachable", (4,))
ROLLED_BACK = Expectation("old", "failed", (2,), "rolled_back")
REFUSED = Expectation("old", "failed", (2,), "refused")
