# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying a closure of which the host has everything but one path."""

from __future__ import annotations

import contextlib
import functools
import typing as t

from ..closures import closure, ways, with_delay
from ..ground import ROOMY
from ..measure import BenchError
from ..record import Row

if t.TYPE_CHECKING:
    from ..ground import Ground

PATHS, MEGABYTES = 2000, 100


@functools.lru_cache
def changed(ground: Ground, _delay: int) -> str:
    """Return the closure that is copied."""
    return closure(ground, PATHS, MEGABYTES, change="changed")


def all_but_one(ground: Ground, delay: int) -> None:
    """Have the host lack one path only."""
    there = closure(ground, PATHS, MEGABYTES)
    with contextlib.suppress(BenchError):
        # What is not there yet cannot be kept.
        ground.keep_only(ROOMY, there)
        return
    ground.lab("heal", ROOMY)
    ground.output("nix", "copy", "--no-check-sigs", "--to", f"ssh-ng://{ROOMY}", there)
    ground.lab("delay", ROOMY, f"{delay}ms")


ROWS = (
    Row(
        name="small-change",
        what=f"copy one new path of a closure of {PATHS} paths, {MEGABYTES} MB",
        unit="ms round trip",
        points=(0, 50),
        more=(20, 200),
        quantity="copy_seconds",
        prepare=with_delay,
        ways=ways(changed, all_but_one),
    ),
)
