# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying a closure to one host, by the length of a round trip: few paths and many, small and large."""

from __future__ import annotations

import functools
import typing as t

from ..closures import closure, ways, with_delay
from ..ground import ROOMY
from ..record import Bar, Row

if t.TYPE_CHECKING:
    from ..ground import Ground


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
    row(100, 500, points=(0,), more=(20, 50, 200)),
)
