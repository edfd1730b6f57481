# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at checks until they hold, and then for as long as they are to keep holding."""

from __future__ import annotations

import dataclasses
import time
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .check import Finding


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long checks may take to hold, how long they must keep holding, and the pause between two looks; in seconds."""

    within: float
    stable_for: float = 0
    interval: float = 2


@dataclasses.dataclass(frozen=True)
class Observation:
    """What was found of all checks in the end.

    ``seconds`` has for each check when it began to hold, or how long it was tried. ``lost_after`` is for how long all
    of them had held when one did no more.
    """

    findings: tuple[Finding, ...]
    seconds: tuple[float, ...]
    looks: int
    elapsed: float
    lost_after: float | None = None

    @property
    def held(self) -> bool:
        """Whether every check that was looked at held."""
        return all_held(self.findings)


def observe(
    look: Callable[[], Sequence[Finding]],
    patience: Patience,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Observation:
    """Look until the checks have held for long enough, or have failed to."""
    begin = clock()
    watch = _Watch(look, clock, begin)
    watch.look()
    while not watch.held() and not watch.final() and (left := begin + patience.within - clock()) > 0:
        sleep(min(patience.interval, left))
        watch.look()
    if not watch.held():
        return watch.observation()
    since = clock()
    while (left := since + patience.stable_for - clock()) > 0:
        sleep(min(patience.interval, left))
        held_for = clock() - since
        watch.look()
        if not watch.held():
            return watch.observation(lost_after=held_for)
    return watch.observation()


def all_held(findings: Sequence[Finding]) -> bool:
    """Whether none of the checks that were looked at does not hold."""
    return all(finding.held is not False for finding in findings)


class _Watch:
    def __init__(self, look: Callable[[], Sequence[Finding]], clock: Callable[[], float], begin: float) -> None:
        self._look = look
        self._clock = clock
        self._begin = begin
        self._looks = 0
        self._findings: tuple[Finding, ...] = ()
        self._held_since: dict[int, float] = {}

    def look(self) -> None:
        self._findings = tuple(self._look())
        self._looks += 1
        for number, finding in enumerate(self._findings):
            if finding.held:
                self._held_since.setdefault(number, self._elapsed)
            else:
                self._held_since.pop(number, None)

    def held(self) -> bool:
        return all_held(self._findings)

    def final(self) -> bool:
        return any(finding.final for finding in self._findings)

    def observation(self, lost_after: float | None = None) -> Observation:
        elapsed = self._elapsed
        seconds = tuple(self._held_since.get(number, elapsed) for number in range(len(self._findings)))
        return Observation(self._findings, seconds, self._looks, elapsed, lost_after)

    @property
    def _elapsed(self) -> float:
        return self._clock() - self._begin
