# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line to every host: one process that carries connections from this machine's loopback addresses into the
hosts' network namespaces, and loses, delays or slows what passes when it is told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import socket
import struct
import time
from collections import deque
from pathlib import Path
from typing import Any

from .cgroup import Cgroup
from .kernel import CLONE_NEWNET, setns
from .shaping import Lane, Shape
from .state import RUNNING, read_state

_END = b""
_RESET = struct.pack("ii", 1, 0)
_buffer = memoryview(bytearray(256 * 1024))


class Uplink:
    """What all hosts' lines have in common: the controller's own way out."""

    def __init__(self) -> None:
        self.shape = Shape()
        self.lane = Lane()


class Line:
    """The line to one host, and everything that is connected over it."""

    def __init__(self, name: str, state: Path, uplink: Uplink) -> None:
        self.name = name
        self.state = state
        self.uplink = uplink
        self.shape = Shape()
        self.cut: str | None = None
        self.refused: str | None = None
        self.to_host = Lane()
        self.from_host = Lane()
        self.connections: set[Connection] = set()
        self.listeners: dict[int, socket.socket] = {}
        self.ports: dict[int, int] = {}
        self.carried = {"to_host": 0, "from_host": 0}
        self.accepted = 0
        self.deaf: Deafness | None = None

    def listen(self, address: str, port: int, alternative: int | None) -> None:
        """Accept connections for the host's `port`, under another number when this machine uses that one itself."""
        if port in self.ports:
            return
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        try:
            listener.bind((address, port))
            self.ports[port] = port
        except OSError as error:
            if alternative is None or error.errno not in (errno.EADDRINUSE, errno.EACCES):
                listener.close()
                raise
            listener.bind((address, alternative))
            self.ports[port] = alternative
        listener.listen(256)
        self.listeners[port] = listener
        asyncio.get_running_loop().add_reader(listener, self._accept, listener, port)

    def _accept(self, listener: socket.socket, port: int) -> None:
        for _attempt in range(64):
            try:
                client, _address = listener.accept()
            except OSError:
                return
            if self.cut or self.refused:
                _reset(client)
                continue
            connection = Connection(self, client, port)
            self.accepted += 1
            self.connections.add(connection)
            connection.opening = asyncio.get_running_loop().create_task(connection.open())

    def sever(self, manner: str) -> None:
        self.heal()
        self.cut = manner
        if manner == "silent":
            self.deaf = Deafness([*self.listeners.values()])
        for connection in list(self.connections):
            if manner == "reset":
                connection.abort()
            else:
                connection.update()

    def refuse(self, manner: str) -> None:
        """Let nobody new in, while who is connected notices nothing."""
        self.heal()
        self.refused = manner
        if manner == "silent":
            self.deaf = Deafness([*self.listeners.values()])

    def admit(self) -> None:
        """Let new connections in again, and leave the line as it is otherwise."""
        if self.refused and not self.cut:
            self.heal()

    def heal(self) -> None:
        self.cut = None
        self.refused = None
        if self.deaf:
            self.deaf.end()
            self.deaf = None
            for port, listener in self.listeners.items():
                asyncio.get_running_loop().add_reader(listener, self._accept, listener, port)
        for connection in list(self.connections):
            connection.update()

    def reshape(self, shape: Shape) -> None:
        self.shape = shape
        self.to_host.clear()
        self.from_host.clear()

    def lose_connections(self) -> None:
        """What a peer sees of a machine without power: nothing at all."""
        for connection in self.connections:
            connection.lose()

    def host_is_up(self) -> bool:
        state = read_state(self.state)
        return state is not None and state.status == RUNNING

    def close(self) -> None:
        self.heal()
        loop = asyncio.get_running_loop()
        for listener in self.listeners.values():
            loop.remove_reader(listener)
            listener.close()
        for connection in list(self.connections):
            connection.abort()

    def report(self) -> dict[str, Any]:
        return {
            "cut": self.cut,
            "refused": self.refused,
            "delay": self.shape.delay * 2,
            "rate": self.shape.rate,
            "connections": len(self.connections),
            "ports": self.ports,
            "carried": self.carried,
            "accepted": self.accepted,
        }

    def dial(self, port: int) -> socket.socket:
        """A socket in the host's network namespace, not connected yet."""
        state = read_state(self.state)
        if state is None or state.init is None:
            raise ConnectionRefusedError(f"{self.name} is not running")
        descriptor = os.open(f"/proc/{state.init}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(descriptor, CLONE_NEWNET)
            try:
                server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            finally:
                setns(_own_network(), CLONE_NEWNET)
        finally:
            os.close(descriptor)
        server.setblocking(False)
        return server


class Deafness:
    """Listeners that do not answer: their queues are full, so the kernel drops whoever else knocks.

    Accepting and keeping silent would not do. A client's connection would be there, where over a cut line it is not.
    """

    def __init__(self, listeners: list[socket.socket]) -> None:
        self._listeners = listeners
        self._fillers: list[socket.socket] = []
        for listener in listeners:
            asyncio.get_running_loop().remove_reader(listener)
            listener.listen(0)
            # A queue of length 0 still holds one; the others are for what may have been in it and is taken out.
            for _filler in range(3):
                filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
                self._fillers.append(filler)

    def end(self) -> None:
        """Empty the queues and listen again."""
        for filler in self._fillers:
            filler.close()
        for listener in self._listeners:
            listener.listen(256)
            try:
                while True:
                    listener.accept()[0].close()
            except OSError:
                continue


_own: int | None = None


def _own_network() -> int:
    global _own
    if _own is None:
        _own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    return _own


def _reset(sock: socket.socket) -> None:
    """Close so that the peer gets a reset."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()


class Connection:
    """One connection from a client to a host: two flows, opened and ended together."""

    def __init__(self, line: Line, client: socket.socket, port: int) -> None:
        self.line = line
        self.client = client
        self.port = port
        self.server: socket.socket | None = None
        self.flows: tuple[Flow, ...] = ()
        self.opening: asyncio.Task[None] | None = None
        self.lost = False
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def open(self) -> None:
        try:
            # The client's own handshake was with this machine; here is what it would have cost over the line.
            if self.line.shape.delay:
                await asyncio.sleep(3 * self.line.shape.delay)
            while self.line.cut:
                await asyncio.sleep(0.05)
            self.server = self.line.dial(self.port)
            await asyncio.get_running_loop().sock_connect(self.server, ("127.0.0.1", self.port))
            self.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            self.abort()
            return
        self.flows = (
            Flow(self, self.client, self.server, self.line.to_host, "to_host", self.line.uplink),
            Flow(self, self.server, self.client, self.line.from_host, "from_host", Uplink()),
        )
        self.update()

    def update(self) -> None:
        """Let the flows take notice of a line that was cut or healed."""
        for flow in self.flows:
            flow.update()

    def lose(self) -> None:
        """The host forgets this connection without a word."""
        if self.opening and not self.flows:
            self.opening.cancel()
        self.lost = True
        for flow in self.flows:
            flow.stop()
        self.flows = ()
        if self.server:
            self.server.close()
            self.server = None
        asyncio.get_running_loop().add_reader(self.client, self._answer_for_the_dead)

    def _answer_for_the_dead(self) -> None:
        """A machine that is up again answers a connection it does not know with a reset; one without power does not."""
        try:
            said_anything = self.client.recv_into(_buffer) > 0
        except OSError:
            said_anything = False
        if not said_anything or (self.line.cut is None and self.line.host_is_up()):
            self.abort()

    def finish_if_done(self) -> None:
        if all(flow.done for flow in self.flows):
            self._forget()
            self.client.close()
            if self.server:
                self.server.close()

    def abort(self) -> None:
        self._forget()
        _reset(self.client)
        if self.server:
            _reset(self.server)

    def _forget(self) -> None:
        self.line.connections.discard(self)
        if self.opening and self.opening is not asyncio.current_task():
            self.opening.cancel()
        for flow in self.flows:
            flow.stop()
        if self.lost:
            asyncio.get_running_loop().remove_reader(self.client)


class Flow:
    """One direction of a connection: reads, holds what is under way, and writes what has arrived."""

    def __init__(
        self,
        connection: Connection,
        source: socket.socket,
        sink: socket.socket,
        lane: Lane,
        way: str,
        uplink: Uplink,
    ) -> None:
        self.connection = connection
        self.line = connection.line
        self.source = source
        self.sink = sink
        self.lane = lane
        self.way = way
        self.uplink = uplink
        self.under_way: deque[tuple[float, bytes]] = deque()
        self.size = 0
        self.ended = False
        self.done = False
        self._reading = False
        self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def update(self) -> None:
        if self.line.cut:
            self.stop()
        elif not self.done:
            self._deliver()
            self._read_on()

    def stop(self) -> None:
        self._read(False)
        self._write_when_possible(False)
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _read(self, wanted: bool) -> None:
        if wanted != self._reading:
            self._reading = wanted
            if wanted:
                self._loop.add_reader(self.source, self._readable)
            else:
                self._loop.remove_reader(self.source)

    def _write_when_possible(self, wanted: bool) -> None:
        if wanted != self._writing:
            self._writing = wanted
            if wanted:
                self._loop.add_writer(self.sink, self._deliver)
            else:
                self._loop.remove_writer(self.sink)

    def _read_on(self) -> None:
        """Read when there is room, which is the only brake a sender feels."""
        if self.connection.flows:
            room = min(self.line.shape.backlog(), self.uplink.shape.share())
            self._read(not self.ended and not self.done and self.size < room)

    def _readable(self) -> None:
        shape = self.line.shape
        try:
            count = self.source.recv_into(_buffer, min(shape.read_size(), self.uplink.shape.read_size()))
        except BlockingIOError:
            return
        except OSError:
            self.connection.abort()
            return
        self.line.carried[self.way] += count
        if count == 0:
            self.ended = True
            self._hold(_END, shape)
        elif shape.plain and self.uplink.shape.plain and not self.under_way:
            sent = self._send(_buffer[:count])
            if sent is None:
                return
            if sent < count:
                self._hold(bytes(_buffer[sent:count]), shape)
        else:
            self._hold(bytes(_buffer[:count]), shape)
        self._read_on()

    def _hold(self, data: bytes, shape: Shape) -> None:
        now = time.monotonic()
        out = self.uplink.lane.arrival(now, len(data), self.uplink.shape)
        self.under_way.append((max(out, self.lane.arrival(now, len(data), shape)), data))
        self.size += len(data)
        if not self._writing and self._timer is None:
            self._deliver()

    def _send(self, data: memoryview) -> int | None:
        """How much the sink took; None when the connection has ended over it."""
        try:
            return self.sink.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.connection.abort()
            return None

    def _deliver(self) -> None:
        """Hand over everything that has arrived by now."""
        self._timer = None
        while self.under_way:
            arrival, data = self.under_way[0]
            wait = arrival - time.monotonic()
            if wait > 0:
                self._write_when_possible(False)
                self._timer = self._loop.call_later(wait, self._deliver)
                break
            if data == _END:
                self.under_way.popleft()
                self._end()
                return
            sent = self._send(memoryview(data))
            if sent is None:
                return
            self.size -= sent
            if sent < len(data):
                self.under_way[0] = (arrival, data[sent:])
                self._write_when_possible(True)
                break
            self.under_way.popleft()
        else:
            self._write_when_possible(False)
        self._read_on()

    def _end(self) -> None:
        self.done = True
        self.stop()
        try:
            self.sink.shutdown(socket.SHUT_WR)
        except OSError:
            self.connection.abort()
            return
        self.connection.finish_if_done()


class Exchange:
    """All lines of a fleet, and the commands that change them."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.uplink = Uplink()
        self.lines: dict[str, Line] = {}

    def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out one order and answer it."""
        what = order["order"]
        if what == "listen":
            return self._listen(order)
        if what == "version":
            return {"version": self.version}
        if what == "report":
            return {name: line.report() for name, line in self.lines.items()}
        if what == "uplink":
            self.uplink.shape = Shape(rate=order["rate"])
            self.uplink.lane.clear()
            return {}
        line = self.lines[order["host"]]
        if what == "cut":
            line.sever(order["manner"])
        elif what == "refuse":
            line.refuse(order["manner"])
        elif what == "admit":
            line.admit()
        elif what == "heal":
            line.reshape(Shape())
            line.heal()
        elif what == "delay":
            line.reshape(Shape(order["seconds"] / 2, line.shape.rate))
        elif what == "throttle":
            line.reshape(Shape(line.shape.delay, order["rate"]))
        elif what == "lose-connections":
            line.lose_connections()
        elif what == "forget":
            self.lines.pop(line.name).close()
            return {}
        else:
            raise ValueError(f"unknown order {what!r}")
        return line.report()

    def _listen(self, order: dict[str, Any]) -> dict[str, Any]:
        name = order["host"]
        line = self.lines.setdefault(name, Line(name, Path(order["state"]), self.uplink))
        for port in order["ports"]:
            line.listen(order["address"], port, order["alternatives"].get(str(port)))
        return line.report()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer orders, one a line of JSON."""
        try:
            while text := await reader.readline():
                try:
                    answer: dict[str, Any] = {"answer": self.obey(json.loads(text))}
                except (OSError, ValueError, KeyError) as error:
                    answer = {"error": f"{type(error).__name__}: {error}"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


def forward(control: Path, fleet: Cgroup, version: str) -> None:
    """Serve until killed, or until the clone that this fleet belongs to has been deleted."""

    async def main() -> None:
        _own_network()
        control.unlink(missing_ok=True)
        exchange = Exchange(version)
        # Relative, for a path that is longer than a socket's name may be.
        os.chdir(control.parent)
        await asyncio.start_unix_server(exchange.serve, path=control.name)
        Path(control.name).chmod(0o600)
        while control.parent.is_dir():
            await asyncio.sleep(5)

    asyncio.run(main())
    # Nobody can run `lab down` there any more.
    Cgroup(fleet.path.parent).join()
    fleet.remove()
