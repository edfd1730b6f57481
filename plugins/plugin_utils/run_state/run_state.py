# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the processes of one run of Ansible tell each other: one SQLite file in the run's own directory.

Ansible forks a process for each task of each host, and any of them may be killed at any time. So nothing is kept in memory
that another process has to know, and nothing that is written depends on its writer's being alive.

There are two tables. A **note** is something that has happened: it has a topic, a name (of a host, of an attribute) and a
value, and is never changed. A **claim** says who is doing something: it counts for as long as that process is alive.

| topic | name | a note's value | a claim |
|---|---|---|---|
| `evaluation` | a task | the revision that it is about, or why there is none | who evaluates |
| `evaluation TASK` | an attribute | what it evaluated to | |
| `builders` | the question | what the builders answered | who asks them |
| `cascade server`, `cascade gone` | a host | its address; that it serves no more | |
| `cascade held`, `cascade wanted` | a host | paths that it has; that it will fetch from whoever has them | |
| `cascade sending` | a path | | who is sent it by the source |
| `cascade serving` | a host and a slot | | who fetches from it |
| `trace` | a host, or nothing | what Nix did for it; that a trace is wanted | |

A topic belongs to one module, which is the only one to know how its values look.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import sqlite3
import subprocess
import tempfile
import threading
import time
import typing as t
from pathlib import Path

from ..core.errors import NixError
from ..core.private_directory import private_directory

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Value = t.TypeVar("Value")

# Somebody else writes for milliseconds. Longer than that is a machine that is out of breath, or a process that was stopped.
BUSY_SECONDS = 60.0
SCHEMA = """
CREATE TABLE note (number INTEGER PRIMARY KEY, topic TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX note_by_name ON note (topic, name, number);
CREATE TABLE claim (
    topic TEXT NOT NULL, name TEXT NOT NULL, process INTEGER NOT NULL, started TEXT NOT NULL, until REAL,
    PRIMARY KEY (topic, name)
) WITHOUT ROWID;
"""
# Soon at first, for what takes no time; then such that many who wait for long are no load.
SHORTEST_PAUSE = 0.01
LONGEST_PAUSE = 0.2
PAUSE_SHARE = 0.05
# Whether a process is alive takes longer to find out than whether there is a note.
SECONDS_BETWEEN_LOOKS = 0.5
ADVICE = "name another place for Ansible's own files in ANSIBLE_LOCAL_TEMP, or mend this one"
# The states of a process in Linux's /proc that has ended and only waits for its parent to ask how.
ENDED = ("Z", "X")


class RunStateError(NixError):
    """The processes of this run cannot tell each other anything."""

    stage = "run_state"


@dataclasses.dataclass(frozen=True)
class Note:
    """Something that a process has told the others; a later note has a larger ``number``."""

    number: int
    name: str
    value: t.Any
    at: float


class RunState:
    """The state of the run whose directory is given. Making one costs nothing: the file is opened when it is first used.

    - ``note`` and ``note_all`` write; ``notes`` and ``latest`` read, by an index and without ever waiting for a writer.
    - ``claim``, ``release``, ``hand_over`` and ``claims`` say who does what. A claim ends with its process, whatever ends that.
    - ``once`` has one process find something out for all, and ``wait_while_claimed`` waits for what another is doing.
    - ``change`` makes one step of several of these: nobody sees a half of it, and nobody else writes meanwhile.

    Each call is one transaction of a fraction of a millisecond. The file is in WAL mode, so that who reads waits for nobody;
    who writes waits for other writers only. On a file system that has no shared memory SQLite stays with its rollback journal,
    and readers wait for writers too. Nothing is synced: a power cut ends the run as well. A killed writer leaves nothing
    half written. An object may be used in several threads, and after a fork, where it opens the file anew.

    Raises ``RunStateError`` where the file cannot be made, read or written. Where nobody has written anything yet, reading
    finds nothing and makes no file.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / "nix.fleet-state" / "run.sqlite"
        self._process = 0
        self._database: sqlite3.Connection | None = None
        self._lock = threading.RLock()
        # A connection must not even be closed in a process that has it from its parent.
        self._inherited: list[sqlite3.Connection] = []

    @property
    def directory(self) -> Path:
        """The run's directory."""
        return self._file.parents[1]

    def log(self, name: str) -> Path:
        """Return the file for what a process of the run prints, which nobody else can read, and which goes with the run."""
        return self._file.with_name(f"{name}.log")

    def note(self, topic: str, name: str, value: t.Any) -> None:
        """Tell the others ``value``, which is plain data."""
        self.note_all(topic, [(name, value)])

    def note_all(self, topic: str, named: Iterable[tuple[str, t.Any]]) -> None:
        """Tell the others several values at once, each with its name."""
        rows = [(topic, name, json.dumps(value), time.time()) for name, value in named]
        if rows:
            self._write("INSERT INTO note (topic, name, value, at) VALUES (?, ?, ?, ?)", rows)

    def notes(self, topic: str, name: str | None = None, *, after: int = 0) -> list[Note]:
        """Return what was told in ``topic``, of ``name`` alone if that is given, in the order of its telling.

        ``after`` is the number of the last note that the caller knows.
        """
        by_name = "" if name is None else "AND name = ?"
        return self._notes(
            f"WHERE topic = ? {by_name} AND number > ? ORDER BY number",
            (topic, *([] if name is None else [name]), after),
        )

    def latest(self, topic: str, name: str) -> Note | None:
        """Return what was told last of ``name``."""
        found = self._notes("WHERE topic = ? AND name = ? ORDER BY number DESC LIMIT 1", (topic, name))
        return found[0] if found else None

    def claim(self, topic: str, name: str, *, until: float | None = None) -> bool:
        """Claim ``name`` for this process; return whether it has it now, which is not so if another one alive has it.

        ``until`` is a time (``time.time()``) after which the claim no longer counts.
        """
        with self.change():
            if self._holder(topic, name) not in (None, os.getpid()):
                return False
            row = (topic, name, os.getpid(), _started(os.getpid()), until)
            self._write("INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?, ?)", [row])
        return True

    def hand_over(self, topic: str, name: str, process: int) -> None:
        """Make the claim that of another process, such as one that this one has started for the work."""
        where = (process, _started(process), topic, name)
        self._write("UPDATE claim SET process = ?, started = ? WHERE topic = ? AND name = ?", [where])

    def release(self, topic: str, name: str) -> None:
        """End a claim."""
        self._write("DELETE FROM claim WHERE topic = ? AND name = ?", [(topic, name)])

    def claims(self, topic: str) -> set[str]:
        """Return the names in ``topic`` that somebody alive has claimed."""
        rows = self._rows("SELECT name, process, started, until FROM claim WHERE topic = ?", (topic,))
        return {name for name, process, started, until in rows if _counts(process, started, until)}

    def is_claimed(self, topic: str, name: str) -> bool:
        """Whether somebody alive has claimed ``name``."""
        return self._holder(topic, name) is not None

    def wait_while_claimed(self, topic: str, name: str, found: Callable[[], Value | None]) -> Value | None:
        """Return what ``found`` returns once that is not None, or None as soon as nobody has a claim to ``name``."""
        since, looked = time.monotonic(), -math.inf
        while (value := found()) is None:
            now = time.monotonic()
            if now - looked >= SECONDS_BETWEEN_LOOKS:
                looked = now
                if not self.is_claimed(topic, name):
                    # It may have been told right before the end of the claim.
                    return found()
            time.sleep(min(max((now - since) * PAUSE_SHARE, SHORTEST_PAUSE), LONGEST_PAUSE))
        return value

    def once(self, topic: str, name: str, find: Callable[[], t.Any], *, seconds: float) -> t.Any:
        """Return what ``find`` returned for whoever asked first, unless that was told more than ``seconds`` ago.

        Who asks meanwhile waits. What ``find`` raises is the caller's own: the next one finds out anew.
        """

        def told() -> Note | None:
            note = self.latest(topic, name)
            return note if note and time.time() - note.at < seconds else None

        while True:
            note = told()
            if note is None and self.claim(topic, name):
                try:
                    # Somebody may have told it before the claim.
                    note = told()
                    if note is None:
                        answer = find()
                        self.note(topic, name, answer)
                        return answer
                finally:
                    self.release(topic, name)
            note = note or self.wait_while_claimed(topic, name, told)
            if note is not None:
                return note.value

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Have everything in the block done as one step, or nothing of it if it raises; what it raises stays as it is."""
        with self._lock:
            with _translated(self._file):
                database = self._opened()
                nested = database.in_transaction
                if not nested:
                    database.execute("BEGIN IMMEDIATE")
            if nested:
                yield database
                return
            try:
                yield database
                with _translated(self._file):
                    database.execute("COMMIT")
            except BaseException:
                # On a full disk SQLite has rolled back already.
                with contextlib.suppress(sqlite3.OperationalError):
                    database.execute("ROLLBACK")
                raise

    def _write(self, statement: str, rows: Iterable[tuple[t.Any, ...]]) -> None:
        with self.change() as database, _translated(self._file):
            database.executemany(statement, rows)

    def close(self) -> None:
        """Give the file back; it is opened again when it is needed."""
        with self._lock:
            if self._database is not None and self._process == os.getpid():
                self._database.close()
                self._database = None

    def _holder(self, topic: str, name: str) -> int | None:
        rows = self._rows("SELECT process, started, until FROM claim WHERE topic = ? AND name = ?", (topic, name))
        return next((process for process, started, until in rows if _counts(process, started, until)), None)

    def _notes(self, where: str, values: tuple[t.Any, ...]) -> list[Note]:
        rows = self._rows(f"SELECT number, name, value, at FROM note {where}", values)
        return [Note(number, name, json.loads(value), at) for number, name, value, at in rows]

    def _rows(self, question: str, values: tuple[t.Any, ...]) -> list[tuple[t.Any, ...]]:
        with self._lock, _translated(self._file):
            if self._database is None and not self._file.exists():
                return []
            return self._opened().execute(question, values).fetchall()

    def _opened(self) -> sqlite3.Connection:
        if self._database is not None and self._process != os.getpid():
            self._inherited.append(self._database)
            self._database = None
        if self._database is None:
            if not self._file.exists():
                _make(self._file)
            # Each change is a transaction that we begin ourselves, and one thread at a time is in here.
            self._database = sqlite3.connect(
                f"{self._file.as_uri()}?mode=rw",
                uri=True,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            self._process = os.getpid()
            self._database.execute("PRAGMA synchronous = OFF")
        return self._database


def _make(file: Path) -> None:
    """Make the database, which is whole when it gets its name: several processes may be about to."""
    # After the run its directory is gone, and is not to be there again.
    if not file.parents[1].is_dir():
        raise RunStateError(f"the run of {file} is over", code="over")
    try:
        private_directory(file.parent, advice=ADVICE)
    except NixError as error:
        raise RunStateError(error.cause, code="unusable", advice=ADVICE) from error
    descriptor, draft = tempfile.mkstemp(dir=file.parent)
    os.close(descriptor)
    try:
        with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous = OFF")
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(SCHEMA)
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        Path(draft).unlink()


@contextlib.contextmanager
def _translated(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise RunStateError(f"{file} cannot be used: {error}", code="unusable", advice=ADVICE) from error
    except OSError as error:
        raise RunStateError(f"{file} cannot be used: {error.strerror}", code="unusable", advice=ADVICE) from error


def _counts(process: int, started: str, until: float | None) -> bool:
    return bool(started) and (until is None or time.time() < until) and _started(process) == started


def _started(process: int) -> str:
    """Return when a process was started, by which it is told from a later one of the same number; nothing when it has ended."""
    try:
        # The name of its program, which may have anything in it, is in parentheses.
        fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].decode().split()
        return "" if fields[0] in ENDED else fields[19]
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return ""
    except (OSError, IndexError):
        return ""
    command = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(process)]
    state, _blank, started = (
        subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip().partition(" ")
    )
    return "" if state.startswith(ENDED) else started.strip()
