# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying to one host over a line that carries little, with compression and without."""

from __future__ import annotations

import functools
import typing as t

from ..closures import by_nix, by_us, closure, of_command, of_task, up
from ..ground import ROOMY
from ..record import Row, Way

if t.TYPE_CHECKING:
    from ..ground import Ground
    from ..record import Command

PATHS, MEGABYTES = 100, 60


@functools.lru_cache
def path(ground: Ground, _rate: int) -> str:
    """Return the closure that is copied."""
    return closure(ground, PATHS, MEGABYTES)


def throttled(ground: Ground, rate: int) -> None:
    """Have the roomy host up, behind a line of so many Mbit/s."""
    up(ground)
    ground.lab("heal", ROOMY)
    ground.lab("throttle", ROOMY, f"{rate}mbit")


def anew(ground: Ground, _rate: int) -> None:
    """Have nothing in the store of the host."""
    ground.empty(ROOMY)


def ours(**options: t.Any) -> t.Callable[[Ground, int], Command]:
    """Return what copies with one task, which has these options."""
    return lambda ground, rate: by_us(ground, path(ground, rate), **options)


def nix(parameters: str = "") -> t.Callable[[Ground, int], Command]:
    """Return what copies by Nix's own means."""
    return lambda ground, rate: by_nix("ssh-ng", ground, path(ground, rate), parameters)


ROWS = (
    Row(
        name="slow-line",
        what=f"copy {PATHS} paths, {MEGABYTES} MB of which a third is random, to one host",
        unit="Mbit/s",
        points=(8, 32, 128),
        quantity="copy_seconds",
        prepare=throttled,
        ways=(
            Way("nix.fleet", "us", ours(), anew, of_task(path)),
            Way("compression: true", "us", ours(compression=True), anew, of_task(path)),
            Way("compression: false", "us", ours(compression=False), anew, of_task(path)),
            Way("nix copy ssh-ng://", "bare", nix(), anew, of_command(path)),
            Way("ssh-ng, compress=true", "bare", nix("?compress=true"), anew, of_command(path)),
        ),
    ),
)
