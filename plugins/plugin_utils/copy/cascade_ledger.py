# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of one run know of each other's stores, although each is served by a process of its own.

A database in a file, so that what two processes do at once happens one after the other. Nobody holds up the others: what is
noted as under way counts only while its process is alive, and what the source sends only for as long as it may take.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sqlite3
import time
import typing as t

from .cascade_plan import FromPeer, FromSource, Situation, Wait, next_step, seconds_for

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from ..nix.path_info import PathInfo
    from .cascade_plan import Step

# Another process has it for milliseconds.
BUSY_SECONDS = 60.0
# How many hosts one host serves at a time: the second is prepared for while the first is served.
UPLOADS = 2

SCHEMA = """
CREATE TABLE IF NOT EXISTS server (host TEXT PRIMARY KEY, address TEXT NOT NULL, port INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS gone (host TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS held (number INTEGER PRIMARY KEY, host TEXT, path TEXT, UNIQUE (host, path));
CREATE TABLE IF NOT EXISTS wanted (number INTEGER PRIMARY KEY, host TEXT, path TEXT, UNIQUE (host, path));
CREATE TABLE IF NOT EXISTS sending (host TEXT, path TEXT, process INTEGER, until REAL);
CREATE TABLE IF NOT EXISTS serving (peer TEXT, door INTEGER, host TEXT, process INTEGER, PRIMARY KEY (peer, door));
"""


@dataclasses.dataclass(frozen=True)
class Server:
    """A host that may serve others: where they find it, by its first TCP port."""

    host: str
    address: str
    port: int


class Ledger:
    """One host's view of the ledger of a run, in ``file``."""

    def __init__(self, file: Path, host: str) -> None:
        self._host = host
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Each change is a transaction that we begin ourselves.
        self._database = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
        # It is of no use after the run, and so after a power cut.
        self._database.execute("PRAGMA synchronous = OFF")
        with self._change():
            for statement in SCHEMA.split(";"):
                self._database.execute(statement)
        self._holders: dict[str, set[str]] = {}
        self._wanted: set[str] = set()
        self._seen = {"held": 0, "wanted": 0}

    def close(self) -> None:
        """Give the file back."""
        self._database.close()

    def serves(self, server: Server) -> None:
        """Write down that a host may serve others."""
        with self._change():
            self._database.execute("INSERT OR REPLACE INTO server VALUES (?, ?, ?)", dataclasses.astuple(server))

    def serves_unless_it_says_where(self, server: Server) -> None:
        """Write down that another host may serve others, where it has not said so itself."""
        with self._change():
            self._database.execute("INSERT OR IGNORE INTO server VALUES (?, ?, ?)", dataclasses.astuple(server))

    def serves_no_more(self, host: str) -> None:
        """Write down that a host cannot serve anybody."""
        with self._change():
            self._database.execute("INSERT OR IGNORE INTO gone VALUES (?)", (host,))

    def has(self, paths: Iterable[str], host: str | None = None) -> None:
        """Write down what is in the store of ``host``, which is our own unless it is named."""
        rows = [(host or self._host, path) for path in paths]
        with self._change():
            self._database.executemany("INSERT OR IGNORE INTO held (host, path) VALUES (?, ?)", rows)

    def lacks(self, paths: Iterable[str]) -> None:
        """Write down what our host is going to fetch from whoever has it."""
        rows = [(self._host, path) for path in paths]
        with self._change():
            self._database.executemany("INSERT OR IGNORE INTO wanted (host, path) VALUES (?, ?)", rows)

    def server(self, host: str) -> Server:
        """Return where a host serves."""
        row = self._database.execute("SELECT host, address, port FROM server WHERE host = ?", (host,)).fetchone()
        return Server(*row)

    def begin(self, lacking: Sequence[PathInfo], unreachable: AbstractSet[str], most_bytes: int) -> tuple[Step, int]:
        """Return what our host does next, and at which of its peer's doors; the others are told in the same moment."""
        self._forget_the_dead()
        while True:
            # Thought of while the others go on. What they have begun meanwhile makes us think again.
            step = next_step(lacking, self._situation(), self._servers() - unreachable, most_bytes)
            if isinstance(step, Wait):
                return step, 0
            with self._change():
                if isinstance(step, FromSource) and self._send(step):
                    return step, 0
                if isinstance(step, FromPeer) and (door := self._free_door(step.peer)) is not None:
                    row = (step.peer, door, self._host, os.getpid())
                    self._database.execute("INSERT INTO serving VALUES (?, ?, ?, ?)", row)
                    return step, door

    def end(self, step: FromSource | FromPeer, door: int = 0) -> None:
        """Take back what ``begin`` told the others."""
        with self._change():
            if isinstance(step, FromSource):
                rows = [(self._host, info.path) for info in step.paths]
                self._database.executemany("DELETE FROM sending WHERE host = ? AND path = ?", rows)
            else:
                self._database.execute("DELETE FROM serving WHERE peer = ? AND door = ?", (step.peer, door))

    def _send(self, step: FromSource) -> bool:
        """Write down what the source sends us, unless it is sending some of that."""
        now = time.time()
        coming = self._coming(now)
        if any(info.path in coming for info in step.paths):
            return False
        rows = [(self._host, info.path, os.getpid(), now + seconds_for(step.paths)) for info in step.paths]
        self._database.executemany("INSERT INTO sending VALUES (?, ?, ?, ?)", rows)
        return True

    def _free_door(self, peer: str) -> int | None:
        taken = {door for (door,) in self._rows("SELECT door FROM serving WHERE peer = ?", peer)}
        return min(set(range(UPLOADS)) - taken, default=None)

    def _coming(self, now: float) -> set[str]:
        return {path for (path,) in self._rows("SELECT path FROM sending WHERE until > ?", now)}

    def _servers(self) -> set[str]:
        listed = self._rows("SELECT host FROM server EXCEPT SELECT host FROM gone")
        return {host for (host,) in listed} - {self._host}

    def _situation(self) -> Situation:
        # Before what is held: a path that arrives in between is in both, and in neither the other way round.
        coming = self._coming(time.time())
        for host, path in self._new("held"):
            self._holders.setdefault(path, set()).add(host)
        self._wanted.update(path for host, path in self._new("wanted") if host != self._host)
        busy = self._rows("SELECT peer FROM serving GROUP BY peer HAVING count(*) >= ?", UPLOADS)
        free = self._servers() - {peer for (peer,) in busy}
        return Situation(self._holders, coming, self._wanted, free)

    def _new(self, table: t.Literal["held", "wanted"]) -> list[tuple[str, str]]:
        """Return the rows that were added since we last looked: nothing is ever taken out of these tables."""
        question = f"SELECT number, host, path FROM {table} WHERE number > ? ORDER BY number"  # one of two words
        rows = self._rows(question, self._seen[table])
        if rows:
            self._seen[table] = rows[-1][0]
        return [(host, path) for _number, host, path in rows]

    def _forget_the_dead(self) -> None:
        listed = self._rows("SELECT process FROM sending UNION SELECT process FROM serving")
        for process in (process for (process,) in listed if not _is_alive(process)):
            with self._change():
                self._database.execute("DELETE FROM sending WHERE process = ?", (process,))
                self._database.execute("DELETE FROM serving WHERE process = ?", (process,))

    def _rows(self, question: str, *values: t.Any) -> list[tuple[t.Any, ...]]:
        return self._database.execute(question, values).fetchall()

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
