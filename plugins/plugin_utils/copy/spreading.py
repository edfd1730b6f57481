# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a closure to one host, with the help of the hosts that have a part of it."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .cascade_plan import FromSource, Wait, seconds_for
from .transfer import PeerError, ReceiverError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..nix.path_info import PathInfo
    from .cascade_ledger import Ledger, Server
    from .cascade_plan import FromPeer
    from .transfer import Received

    # Has a server serve paths at its door of that number, and the host fetch them within so many seconds. What it returns then
    # adds them to the host's store, for which the server is no longer needed.
    Take = Callable[[Server, int, Sequence[PathInfo], float], Callable[[], Received]]

LOOK_AGAIN_SECONDS = (0.1, 0.5)
# Of a closure that others wait for, a host has this part before it begins to serve it; within limits.
PARTS = 4
LEAST_BATCH, LARGEST_BATCH = 1 << 20, 64 << 20
# A host to which none of these got through is not likely to have a route to any other.
MOST_UNREACHABLE = 3


@dataclasses.dataclass(frozen=True)
class Spread:
    """Who has served which path, and what is still lacking."""

    served: dict[str, str]
    left: tuple[str, ...]


def cascade(
    ledger: Ledger,
    lacking: Sequence[PathInfo],
    *,
    send: Callable[[Sequence[PathInfo]], None],
    take: Take,
    announce: Callable[[str], None],
) -> Spread:
    """Bring ``lacking``, each path after those that it refers to, to the ledger's host.

    ``send`` has the source send some of them and raises when it cannot. Something is left over where no other host is of
    help: after ``MOST_UNREACHABLE`` of them the rest is the source's affair.
    """
    left = {info.path: info for info in lacking}
    most_bytes = min(max(sum(info.nar_size for info in lacking) // PARTS, LEAST_BATCH), LARGEST_BATCH)
    served: dict[str, str] = {}
    unreachable: set[str] = set()
    pause = LOOK_AGAIN_SECONDS[0]
    while left and (len(unreachable) < MOST_UNREACHABLE or served):
        step, door = ledger.begin(list(left.values()), unreachable, most_bytes)
        if isinstance(step, Wait):
            time.sleep(pause)
            pause = min(pause * 1.5, LOOK_AGAIN_SECONDS[1])
            continue
        try:
            if isinstance(step, FromSource):
                there = _sent(ledger, step, send)
            else:
                there = _taken(ledger, step, door, take, unreachable, announce)
                served.update(dict.fromkeys(there, step.peer))
        except ReceiverError as error:
            announce(f"can fetch nothing from other hosts ({error})")
            break
        pause = LOOK_AGAIN_SECONDS[0]
        for path in there:
            del left[path]
    return Spread(served, tuple(left))


def _sent(ledger: Ledger, step: FromSource, send: Callable[[Sequence[PathInfo]], None]) -> list[str]:
    """Return what the source has sent, which is all of it."""
    there = [info.path for info in step.paths]
    try:
        send(step.paths)
        # Before others find that it is no longer on its way.
        ledger.has(there)
    finally:
        ledger.end(step)
    return there


def _taken(
    ledger: Ledger,
    step: FromPeer,
    door: int,
    take: Take,
    unreachable: set[str],
    announce: Callable[[str], None],
) -> list[str]:
    """Return what a peer has sent. One that did not send all of it is asked for nothing more."""
    try:
        add = take(ledger.server(step.peer), door, step.paths, seconds_for(step.paths))
    except PeerError as error:
        unreachable.add(step.peer)
        ledger.serves_no_more(step.peer)
        announce(f"{error}; others do")
        return []
    finally:
        # It has time for others while the host adds to its store what it has got.
        ledger.end(step, door)
    received = add()
    ledger.has(received.paths)
    if received.wrong or len(received.paths) < len(step.paths):
        unreachable.add(step.peer)
        if not received.wrong:
            # It is too slow, and others would find out one after the other.
            ledger.serves_no_more(step.peer)
        announce(f"could not fetch from {step.peer} ({received.wrong.strip() or 'not all of it came'})")
    return list(received.paths)
