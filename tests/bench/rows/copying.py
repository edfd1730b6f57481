# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying a closure to one host, by the length of a round trip, and by the number of paths: small and large ones."""

from __future__ import annotations

import functools
import typing as t

from ..closures import closure, ways, with_delay
from ..ground import ROOMY
from ..record import Bar, Row

if t.TYPE_CHECKING:
    from ..ground import Ground

# The round trip, in milliseconds, at which the number of paths is looked at.
DELAY = 50


def anew(ground: Ground, _delay: int) -> None:
    """Have nothing in the store of the host."""
    ground.empty(ROOMY)


def row(paths: int, megabytes: int, *, points: tuple[int, ...], more: tuple[int, ...] = (), **keywords: t.Any) -> Row:
    """Return the row of closures of so many paths."""

    @functools.lru_cache
    def path(ground: Ground, _delay: int) -> str:
        return closure(ground, paths, megabytes)

    return Row(
        name=f"copy-{paths}-paths-{megabytes}-MB",
        what=f"copy {paths} paths, {megabytes} MB, to one host",
        unit="ms round trip",
        points=points,
        more=more,
        quantity="copy_seconds",
        prepare=with_delay,
        ways=ways(path, anew, legacy_up_to=50 if paths > 100 else None),
        **keywords,
    )


@functools.lru_cache
def of_paths(ground: Ground, paths: int) -> str:
    """Return the closure of so many paths, which is of one size however many there are."""
    return closure(ground, paths, 10)


ROWS = (
    row(
        400,
        32,
        points=(0, 50),
        more=(20, 200),
        at=50,
        bars=(Bar(0.05, "nix copy ssh://", of="copy_seconds"), Bar(1.0, "nix copy ssh-ng://", of="copy_seconds")),
    ),
    row(1, 10, points=(0, 200), more=(20, 50)),
    row(2000, 10, points=(0,), more=(20, 50, 200)),
    # So much that whoever does not stream it is seen to.
    row(100, 500, points=(0,), more=(20, 50, 200), memory=True, watched=ROOMY),
    Row(
        name="copy-by-paths",
        what=f"copy 10 MB in so many paths to one host, {DELAY} ms round trip",
        unit="paths",
        points=(1, 100, 400, 2000),
        quantity="copy_seconds",
        prepare=lambda ground, _paths: with_delay(ground, DELAY),
        ways=ways(of_paths, anew, legacy_up_to=400),
    ),
)
