# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every process that a command starts, its children's children too, as the kernel tells of them."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
import typing as t
from pathlib import Path

# linux/connector.h and linux/cn_proc.h.
_NETLINK_CONNECTOR = 11
_PROCESSES = 1
_LISTEN, _IGNORE = 1, 2
_FORK, _EXEC, _EXIT = 0x1, 0x2, 0x80000000
_HEADERS = struct.calcsize("=IHHII") + struct.calcsize("=IIIIHH")
_EVENT = struct.Struct("=IIQ")
_SO_RCVBUFFORCE = 33
_ROOM = 16 * 1024 * 1024


class Processes:
    """The processes below one, followed from when ``follow`` names it to the end of the block."""

    def __init__(self) -> None:
        self.started = 0
        # The numbers of all of them, ended or not.
        self.seen: set[int] = set()
        # By process: what it became last, as a wrapper becomes what it wraps.
        self.programs: dict[int, str] = {}
        self._alive: set[int] = set()
        self._ended = threading.Event()
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_CONNECTOR)

    def __enter__(self) -> Processes:
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
        self._socket.bind((0, _PROCESSES))
        self._ask(_LISTEN)
        return self

    def __exit__(self, *_of_error: object) -> None:
        self._ended.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            self._ask(_IGNORE)
        self._socket.close()

    def follow(self, process: int) -> None:
        """Begin with a process that has been started but has not yet started any."""
        self._alive.add(process)
        self.seen.add(process)
        self.started = 1
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def alive(self) -> tuple[int, ...]:
        """Return those that have not ended."""
        return tuple(self._alive)

    def _ask(self, operation: int) -> None:
        message = struct.pack("=IIIIHHI", _PROCESSES, 1, 0, 0, 4, 0, operation)
        self._socket.send(struct.pack("=IHHII", 16 + len(message), 3, 0, 0, os.getpid()) + message)

    def _listen(self) -> None:
        while not self._ended.is_set() or self._waiting(0):
            if self._waiting(0.1):
                # When events were lost, those that come after are still good for something.
                with contextlib.suppress(OSError):
                    self._take(self._socket.recv(4096)[_HEADERS:])

    def _waiting(self, seconds: float) -> bool:
        return bool(select.select([self._socket], [], [], seconds)[0])

    def _take(self, event: bytes) -> None:
        what, _processor, _time = _EVENT.unpack_from(event)
        numbers = struct.unpack_from("=IIII", event.ljust(_EVENT.size + 16, b"\0"), _EVENT.size)
        if what == _FORK:
            _parent_thread, parent, thread, process = numbers
            if parent in self._alive and thread == process:
                self._alive.add(process)
                self.seen.add(process)
                self.started += 1
        elif what == _EXEC and numbers[1] in self._alive:
            self.programs[numbers[1]] = command_line(numbers[1])
        elif what == _EXIT and numbers[0] == numbers[1]:
            self._alive.discard(numbers[1])


def command_line(process: int) -> str:
    """Return what a process was called with; nothing when it has gone already."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def beside(first: int) -> t.Iterator[int]:
    """Yield the processes of the host whose first one is ``first``: those in the same namespace."""
    host = Path(f"/proc/{first}/ns/pid").readlink()
    for process in Path("/proc").glob("[0-9]*"):
        # Some end meanwhile.
        with contextlib.suppress(OSError):
            if (process / "ns/pid").readlink() == host:
                yield int(process.name)


def evaluations(programs: t.Iterable[str]) -> int:
    """Return how many of the programs were evaluations by Nix: `nix eval`, and `nix build` of a flake's output."""
    return sum(_evaluates(words) for words in map(str.split, programs) if words)


def _evaluates(words: list[str]) -> bool:
    return "nix" in words[0] and ("eval" in words or ("build" in words and any("#" in word for word in words)))
