# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host does next that lacks paths others may have. Pure; knows no files, no time and no hosts but by name."""

from __future__ import annotations

import dataclasses
import typing as t

from ..nix.path_info import total

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from ..nix.path_info import PathInfo

# A command line has to hold their names.
MOST_PATHS = 200
# Each transfer between hosts has a price beside its bytes, and peers have more time than the source.
PEERS_PART = 2
# What is slower than that, in bytes a second, after so many seconds to begin with, is not waited for by others.
SLOWEST = 128 << 10
SECONDS_TO_BEGIN = 60.0


@dataclasses.dataclass(frozen=True)
class Situation:
    """What one host can know of the others at a moment.

    ``holders``: who has a path. ``coming``: what the source is sending to others. ``wanted``: what others lack as well.
    ``free``: who has time to serve.
    """

    holders: Mapping[str, AbstractSet[str]]
    coming: AbstractSet[str] = frozenset()
    wanted: AbstractSet[str] = frozenset()
    free: AbstractSet[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class FromSource:
    """Have the source send these: nobody else has them, and to nobody else are they being sent."""

    paths: tuple[PathInfo, ...]


@dataclasses.dataclass(frozen=True)
class FromPeer:
    """Have the host ``peer`` serve these."""

    peer: str
    paths: tuple[PathInfo, ...]


@dataclasses.dataclass(frozen=True)
class Wait:
    """Everything that is lacking is with hosts that are busy, or on its way to others."""


Step: t.TypeAlias = "FromSource | FromPeer | Wait"


def next_step(lacking: Sequence[PathInfo], situation: Situation, reachable: AbstractSet[str], most_bytes: int) -> Step:
    """Return what to do about ``lacking``, in which each path comes after those that it refers to.

    The source is not asked for more than ``most_bytes`` at a time, and a peer for ``PEERS_PART`` as much, unless it is a
    single path.
    """

    def offered_by(peer: str) -> tuple[PathInfo, ...]:
        return _batch(lacking, lambda path: peer in situation.holders.get(path, ()), PEERS_PART * most_bytes)

    offers = [FromPeer(peer, batch) for peer in sorted(reachable & situation.free) if (batch := offered_by(peer))]
    if offers:
        return max(offers, key=lambda offer: total(offer.paths))

    def only_of_source(path: str) -> bool:
        return path not in situation.coming and not situation.holders.get(path, frozenset()) & reachable

    # First what others wait for too: they can have it from us while the source sends us the rest.
    shared = _batch(lacking, lambda path: only_of_source(path) and path in situation.wanted, most_bytes)
    # The sooner the source has sent that, the sooner all have it. What is our own alone can wait so long.
    if not shared and any(info.path in situation.coming for info in lacking):
        return Wait()
    batch = shared or _batch(lacking, only_of_source, most_bytes)
    return FromSource(batch) if batch else Wait()


def seconds_for(paths: Iterable[PathInfo]) -> float:
    """Return how long a transfer of ``paths`` may take before it counts as stuck."""
    return SECONDS_TO_BEGIN + total(paths) / SLOWEST


def _batch(lacking: Iterable[PathInfo], is_offered: Callable[[str], bool], most_bytes: int) -> tuple[PathInfo, ...]:
    """Return what can be taken at once: a store takes no path before those that it refers to."""
    batch: list[PathInfo] = []
    room = most_bytes
    behind: set[str] = set()
    for info in lacking:
        fits = info.nar_size <= room or not batch
        if len(batch) < MOST_PATHS and fits and is_offered(info.path) and behind.isdisjoint(info.references):
            batch.append(info)
            room -= info.nar_size
        else:
            behind.add(info.path)
    return tuple(batch)
