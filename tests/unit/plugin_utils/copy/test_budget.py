# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the copies of one run may use together."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pathlib
import signal
import socket
import threading
import time

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.budget import Bandwidth, turn, turn_if_free
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.metered import metered
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import CopyError

CONTEXT = multiprocessing.get_context("fork")


def never() -> None:
    raise AssertionError("nobody had to wait")


def send(file: pathlib.Path, rate: int, amounts: list[int]) -> None:
    for amount in amounts:
        Bandwidth(file, rate).take(amount)


def hold_a_turn(file: pathlib.Path, held: pathlib.Path) -> None:
    with turn(file, 1, waiting=never, look=never):
        held.touch()
        time.sleep(60)


def test_what_several_processes_send_together_keeps_to_the_bandwidth(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "bandwidth"
    begin = time.monotonic()
    senders = [CONTEXT.Process(target=send, args=(file, 10_000, [500, 500, 500])) for _sender in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(30)
    # The last piece may go when the eight before it have had their time.
    assert time.monotonic() - begin >= 8 * 500 / 10_000


def test_what_was_not_used_in_time_is_not_made_up_for(tmp_path: pathlib.Path) -> None:
    bandwidth = Bandwidth(tmp_path / "bandwidth", 10_000)
    bandwidth.take(100)
    time.sleep(0.3)
    begin = time.monotonic()
    bandwidth.take(1000)
    bandwidth.take(1)
    assert time.monotonic() - begin >= 0.1


def test_a_turn_is_waited_for_and_handed_on(tmp_path: pathlib.Path) -> None:
    # By processes, whose locks these are.
    file, held = tmp_path / "turns", tmp_path / "held"
    holder = CONTEXT.Process(target=hold_a_turn, args=(file, held))
    holder.start()
    while not held.exists():
        time.sleep(0.01)
    with turn(file, 2, waiting=never, look=never):
        pass
    waited: list[str] = []

    def kill() -> None:
        waited.append("yes")
        os.kill(holder.pid or 0, signal.SIGKILL)

    with turn_if_free(file, 1) as free:
        assert not free
    with turn(file, 1, waiting=kill, look=lambda: waited.append("looked")):
        assert waited[0] == "yes"
        assert "looked" in waited
    holder.join(30)


def test_a_limit_that_cannot_be_kept_together_is_an_error(tmp_path: pathlib.Path) -> None:
    for limited in (turn(tmp_path, 1, waiting=never, look=never), turn_if_free(tmp_path, 1)):
        with pytest.raises(CopyError, match="cannot keep to a limit together"), limited:
            pass
    with pytest.raises(CopyError, match="cannot keep to a limit together"):
        Bandwidth(tmp_path, 1).take(1)


def test_a_metered_socket_hands_on_both_ways_and_keeps_to_the_bandwidth_in_one(tmp_path: pathlib.Path) -> None:
    data = os.urandom(30_000)
    beyond, here = tmp_path / "beyond", tmp_path / "here"
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(beyond))
        listener.listen()

        def echo() -> None:
            other, _address = listener.accept()
            with other:
                heard = b"".join(iter(lambda: other.recv(1 << 16), b""))
                other.sendall(heard)

        threading.Thread(target=echo, daemon=True).start()
        begin = time.monotonic()
        with metered(beyond, here, Bandwidth(tmp_path / "bandwidth", 100_000)) as there:
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
                client.connect(str(there))
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                assert b"".join(iter(lambda: client.recv(1 << 16), b"")) == data
            # The last piece, of a twentieth of a second, need not have had its time.
            assert time.monotonic() - begin >= 0.24


def test_who_is_not_answered_beyond_a_metered_socket_is_hung_up_on(tmp_path: pathlib.Path) -> None:
    limited = Bandwidth(tmp_path / "bandwidth", 1000)
    client = socket.socket(socket.AF_UNIX)
    with metered(tmp_path / "nobody", tmp_path / "here", limited) as there, contextlib.closing(client):
        client.connect(str(there))
        assert client.recv(1) == b""


def test_what_goes_wrong_with_a_copy_is_not_taken_for_a_limit_that_cannot_be_kept(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError), turn(tmp_path / "turns", 1, waiting=never, look=never):
        raise FileNotFoundError("nix")
    with pytest.raises(FileNotFoundError), turn_if_free(tmp_path / "turns", 1):
        raise FileNotFoundError("nix")
