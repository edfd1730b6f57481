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
import time
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
_SECONDS_BETWEEN_LOOKS = 0.2


class Processes:
    """The processes below one, followed from when ``follow`` names it to the end of the block."""

    def __init__(self, *, memory: bool) -> None:
        self.started = 0
        # By process: what it became last, as a wrapper becomes what it wraps.
        self.programs: dict[int, str] = {}
        self.peak_memory = 0
        self._memory = memory
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
        for thread in self._threads:
            thread.join()
        with contextlib.suppress(OSError):
            self._ask(_IGNORE)
        self._socket.close()

    def follow(self, process: int) -> None:
        """Begin with a process that has been started but has not yet started any."""
        self._alive.add(process)
        self.started = 1
        self._threads = [threading.Thread(target=self._listen, daemon=True)]
        if self._memory:
            self._threads.append(threading.Thread(target=self._look, daemon=True))
        for thread in self._threads:
            thread.start()

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
                self.started += 1
        elif what == _EXEC and numbers[1] in self._alive:
            self.programs[numbers[1]] = command_line(numbers[1])
        elif what == _EXIT and numbers[0] == numbers[1]:
            self._alive.discard(numbers[1])

    def _look(self) -> None:
        while not self._ended.is_set():
            self.peak_memory = max(self.peak_memory, sum(memory_of(process) for process in tuple(self._alive)))
            time.sleep(_SECONDS_BETWEEN_LOOKS)


def command_line(process: int) -> str:
    """Return what a process was called with; nothing when it has gone already."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def memory_of(process: int) -> int:
    """Return the bytes of memory of a process, with its part of what it shares."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def evaluations(programs: t.Iterable[str]) -> int:
    """Return how many of the programs were evaluations by Nix: `nix eval`, and `nix build` of a flake's output."""
    return sum(_evaluates(words) for words in map(str.split, programs) if words)


def _evaluates(words: list[str]) -> bool:
    return "nix" in words[0] and ("eval" in words or ("build" in words and any("#" in word for word in words)))
