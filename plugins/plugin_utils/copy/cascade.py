# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts serve each other what they have in common, so that the source sends each path about once.

What each host knows of the others is in the run's state. What two processes begin at once happens there one after the other,
and nobody holds up the others: what is under way counts only while its process is alive, and what the source sends only for
as long as it may take.

| topic | name | a note's value | a claim |
|---|---|---|---|
| `cascade server` | a host | the address at which it serves | |
| `cascade held` | a host | paths that its store has | |
| `cascade wanted` | a host | paths that it lacks | |
| `cascade gone` | a host that cannot serve | nothing | |
| `cascade sending` | a path | | who has the source send it |
| `cascade serving` | a host and a slot | | who is served |
"""

from __future__ import annotations

import dataclasses
import re
import time
import typing as t

from ..core.errors import CopyError
from ..nix.store import total_size
from .transfer import PeerError, ReceiverError

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from ..nix.store import PathInfo
    from ..run_state.run_state import RunState
    from .transfer import Received

    # Has a server serve paths at its slot, and the host fetch them within so many seconds. What it returns then adds them to
    # the host's store, for which the server is no longer needed.
    Fetch = Callable[["Server", int, Sequence[PathInfo], float], Callable[[], Received]]

ADDRESS = re.compile(r"[0-9A-Za-z_:][0-9A-Za-z._:%-]{0,252}")
# Where a host serves, and, to a second host at a time, the port after it.
PORT = 26940
# How many hosts one host serves at a time: the second is prepared for while the first is served.
UPLOADS = 2

# A command line has to hold their names.
MOST_PATHS = 200
# Each transfer between hosts has a price beside its bytes, and peers have more time than the source.
PEERS_PART = 2
# What is slower than that, in bytes a second, after so many seconds to begin with, is not waited for by others.
SLOWEST = 128 << 10
SECONDS_TO_BEGIN = 60.0

POLL_SECONDS = (0.1, 0.5)
# Of a closure that others wait for, a host has this part before it begins to serve it; within limits.
PARTS = 4
LEAST_BATCH, LARGEST_BATCH = 1 << 20, 64 << 20
# A host to which none of these got through is not likely to have a route to any other.
MOST_UNREACHABLE = 3


def peer_address(text: str) -> str:
    """Return an address that others can connect to; raises ``CopyError`` for what is none."""
    if not ADDRESS.fullmatch(text):
        raise CopyError(
            f"{text!r} is not an address that other hosts could connect to",
            code="peer_address",
            advice="set a host name or an IP address (deploy_peer_address)",
        )
    return text


@dataclasses.dataclass(frozen=True)
class Server:
    """A host that may serve others: where they find it."""

    host: str
    address: str


@dataclasses.dataclass(frozen=True)
class Fleet:
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


def next_step(lacking: Sequence[PathInfo], fleet: Fleet, reachable: AbstractSet[str], most_bytes: int) -> Step:
    """Return what to do about ``lacking``, in which each path comes after those that it refers to.

    The source is not asked for more than ``most_bytes`` at a time, and a peer for ``PEERS_PART`` as much, unless it is a
    single path.
    """

    def batch_of(peer: str) -> tuple[PathInfo, ...]:
        return _batch(lacking, lambda path: peer in fleet.holders.get(path, ()), PEERS_PART * most_bytes)

    batches = [FromPeer(peer, batch) for peer in sorted(reachable & fleet.free) if (batch := batch_of(peer))]
    if batches:
        return max(batches, key=lambda step: total_size(step.paths))

    def only_of_source(path: str) -> bool:
        return path not in fleet.coming and not fleet.holders.get(path, frozenset()) & reachable

    # First what others wait for too: they can have it from us while the source sends us the rest.
    shared = _batch(lacking, lambda path: only_of_source(path) and path in fleet.wanted, most_bytes)
    # The sooner the source has sent that, the sooner all have it. What is our own alone can wait so long.
    if not shared and any(info.path in fleet.coming for info in lacking):
        return Wait()
    batch = shared or _batch(lacking, only_of_source, most_bytes)
    return FromSource(batch) if batch else Wait()


def seconds_for(paths: Iterable[PathInfo]) -> float:
    """Return how long a transfer of ``paths`` may take before it counts as stuck."""
    return SECONDS_TO_BEGIN + total_size(paths) / SLOWEST


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


class Peers:
    """One host's view of what the hosts of a run have and do, in the run's ``state``."""

    def __init__(self, state: RunState, host: str) -> None:
        self._state = state
        self._host = host
        self._holders: dict[str, set[str]] = {}
        self._wanted: set[str] = set()
        self._read_up_to = {"cascade held": 0, "cascade wanted": 0}

    def serves(self, server: Server) -> None:
        """Tell the others that a host may serve them."""
        self._state.note("cascade server", server.host, server.address)

    def serves_unless_known(self, server: Server) -> None:
        """Tell the others that another host may serve them, where it has not said so itself."""
        with self._state.change():
            if self._state.latest("cascade server", server.host) is None:
                self.serves(server)

    def serves_no_more(self, host: str) -> None:
        """Tell the others that a host cannot serve anybody."""
        self._state.note("cascade gone", host, None)

    def has(self, paths: Iterable[str], host: str | None = None) -> None:
        """Tell the others what is in the store of ``host``, which is our own unless it is named."""
        self._state.note("cascade held", host or self._host, list(paths))

    def lacks(self, paths: Iterable[str]) -> None:
        """Tell the others what our host is going to fetch from whoever has it."""
        self._state.note("cascade wanted", self._host, list(paths))

    def server(self, host: str) -> Server:
        """Return where a host serves, which must have been told."""
        return Server(host, self._told("cascade server")[host])

    def begin(self, lacking: Sequence[PathInfo], unreachable: AbstractSet[str], most_bytes: int) -> tuple[Step, int]:
        """Return what our host does next, and at which slot of its peer; the others are told in the same moment."""
        while True:
            # Decided while the others go on. What they have begun meanwhile makes us decide again.
            step = next_step(lacking, self._fleet(), self._servers() - unreachable, most_bytes)
            if isinstance(step, Wait):
                return step, 0
            with self._state.change():
                if isinstance(step, FromSource) and self._claim_sending(step):
                    return step, 0
                if isinstance(step, FromPeer) and (slot := self._claim_slot(step.peer)) is not None:
                    return step, slot

    def end(self, step: FromSource | FromPeer, slot: int = 0) -> None:
        """Take back what ``begin`` told the others."""
        with self._state.change():
            if isinstance(step, FromSource):
                for info in step.paths:
                    self._state.release("cascade sending", info.path)
            else:
                self._state.release("cascade serving", _slot(step.peer, slot))

    def _claim_sending(self, step: FromSource) -> bool:
        """Claim what the source sends us, unless it is sending some of that."""
        if not self._state.claims("cascade sending").isdisjoint(info.path for info in step.paths):
            return False
        until = time.time() + seconds_for(step.paths)
        for info in step.paths:
            self._state.claim("cascade sending", info.path, until=until)
        return True

    def _claim_slot(self, peer: str) -> int | None:
        taken = self._state.claims("cascade serving")
        slot = next((slot for slot in range(UPLOADS) if _slot(peer, slot) not in taken), None)
        if slot is not None:
            self._state.claim("cascade serving", _slot(peer, slot))
        return slot

    def _servers(self) -> set[str]:
        return self._told("cascade server").keys() - self._told("cascade gone").keys() - {self._host}

    def _fleet(self) -> Fleet:
        # Before what is held: a path that arrives in between is in both, and in neither the other way round.
        coming = self._state.claims("cascade sending")
        for host, paths in self._new("cascade held"):
            for path in paths:
                self._holders.setdefault(path, set()).add(host)
        for host, paths in self._new("cascade wanted"):
            self._wanted.update(paths if host != self._host else ())
        taken = self._state.claims("cascade serving")
        free = {host for host in self._servers() if any(_slot(host, slot) not in taken for slot in range(UPLOADS))}
        return Fleet(self._holders, coming, self._wanted, free)

    def _new(self, topic: str) -> list[tuple[str, list[str]]]:
        """Return what was told since we last read ``topic``."""
        notes = self._state.notes(topic, after=self._read_up_to[topic])
        if notes:
            self._read_up_to[topic] = notes[-1].number
        return [(note.name, note.value) for note in notes]

    def _told(self, topic: str) -> dict[str, t.Any]:
        return {note.name: note.value for note in self._state.notes(topic)}


def _slot(host: str, number: int) -> str:
    return f"{host} {number}"


@dataclasses.dataclass(frozen=True)
class Spread:
    """Who has served which path, and what is still lacking."""

    served: dict[str, str]
    left: tuple[str, ...]


def cascade(
    peers: Peers,
    lacking: Sequence[PathInfo],
    *,
    send: Callable[[Sequence[PathInfo]], None],
    fetch: Fetch,
    announce: Callable[[str], None],
) -> Spread:
    """Bring ``lacking``, each path after those that it refers to, to the host of ``peers``.

    ``send`` has the source send some of them and raises when it cannot. Something is left over where no other host is of
    help: after ``MOST_UNREACHABLE`` of them the rest is the source's affair.
    """
    left = {info.path: info for info in lacking}
    most_bytes = min(max(sum(info.nar_size for info in lacking) // PARTS, LEAST_BATCH), LARGEST_BATCH)
    served: dict[str, str] = {}
    unreachable: set[str] = set()
    pause = POLL_SECONDS[0]
    while left and (len(unreachable) < MOST_UNREACHABLE or served):
        step, slot = peers.begin(list(left.values()), unreachable, most_bytes)
        if isinstance(step, Wait):
            time.sleep(pause)
            pause = min(pause * 1.5, POLL_SECONDS[1])
            continue
        try:
            if isinstance(step, FromSource):
                arrived = _sent(peers, step, send)
            else:
                arrived = _fetched(peers, step, slot, fetch, unreachable, announce)
                served.update(dict.fromkeys(arrived, step.peer))
        except ReceiverError as error:
            announce(f"can fetch nothing from other hosts ({error})")
            break
        pause = POLL_SECONDS[0]
        for path in arrived:
            del left[path]
    return Spread(served, tuple(left))


def _sent(peers: Peers, step: FromSource, send: Callable[[Sequence[PathInfo]], None]) -> list[str]:
    """Return what the source has sent, which is all of it."""
    arrived = [info.path for info in step.paths]
    try:
        send(step.paths)
        # Before others find that it is no longer on its way.
        peers.has(arrived)
    finally:
        peers.end(step)
    return arrived


def _fetched(
    peers: Peers,
    step: FromPeer,
    slot: int,
    fetch: Fetch,
    unreachable: set[str],
    announce: Callable[[str], None],
) -> list[str]:
    """Return what a peer has sent. One that did not send all of it is asked for nothing more."""
    try:
        add = fetch(peers.server(step.peer), slot, step.paths, seconds_for(step.paths))
    except PeerError as error:
        unreachable.add(step.peer)
        peers.serves_no_more(step.peer)
        announce(f"{error}; others do")
        return []
    finally:
        # It has time for others while the host adds to its store what it has got.
        peers.end(step, slot)
    received = add()
    peers.has(received.paths)
    if received.wrong or len(received.paths) < len(step.paths):
        unreachable.add(step.peer)
        if not received.wrong:
            # It is too slow, and others would find out one after the other.
            peers.serves_no_more(step.peer)
        announce(f"could not fetch from {step.peer} ({received.wrong.strip() or 'not all of it came'})")
    return list(received.paths)
