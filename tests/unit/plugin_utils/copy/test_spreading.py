# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A closure arrives whole with the help of others, and without it when they are of none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.cascade_ledger import Ledger, Server
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.spreading import MOST_UNREACHABLE, cascade
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.transfer import PeerError, Received, ReceiverError
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.path_info import PathInfo

from .paths import ALL, BASE, LEFT, RIGHT, TOP


class Host:
    """A host that lacks everything; others serve what they have unless a test says otherwise."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.sent: list[PathInfo] = []
        self.asked: list[str] = []
        self.announced: list[str] = []

    def send(self, paths: Sequence[PathInfo]) -> None:
        self.sent += paths

    def take(self, server: Server, _door: int, paths: Sequence[PathInfo], _seconds: float) -> Callable[[], Received]:
        self.asked.append(server.host)
        return lambda: Received(tuple(info.path for info in paths))

    def served(self) -> dict[str, str]:
        """Bring everything to the host; return who served what, and `nobody` for what is left."""
        spread = cascade(self.ledger, ALL, send=self.send, take=self.take, announce=self.announced.append)
        return spread.served | dict.fromkeys(spread.left, "nobody")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    ledger = Ledger(tmp_path / "ledger", "host")
    yield Host(ledger)
    ledger.close()


def have(host: Host, name: str, *paths: PathInfo) -> None:
    """Have another host that has some paths."""
    host.ledger.serves(Server(name, "192.0.2.1", 26940))
    host.ledger.has([info.path for info in paths], name)


def test_alone_it_has_everything_from_the_source(host: Host) -> None:
    assert host.served() == {}
    assert tuple(host.sent) == ALL


def test_others_serve_what_they_have_and_the_source_sends_the_rest(host: Host) -> None:
    have(host, "peer", BASE, LEFT)
    assert host.served() == {BASE.path: "peer", LEFT.path: "peer"}
    assert tuple(host.sent) == (RIGHT, TOP)


def test_what_it_has_got_others_are_told(host: Host, tmp_path: Path) -> None:
    host.served()
    host.ledger.serves(Server("host", "192.0.2.9", 26940))
    other = Ledger(tmp_path / "ledger", "other")
    assert Host(other).served() == {info.path: "host" for info in ALL}
    other.close()


def test_after_a_server_that_broke_off_the_rest_comes_from_elsewhere(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(host, "peer", *ALL)

    def take(_server: Server, _door: int, _paths: Sequence[PathInfo], _seconds: float) -> Callable[[], Received]:
        return lambda: Received((BASE.path,), "it broke off")

    monkeypatch.setattr(host, "take", take)
    assert host.served() == {BASE.path: "peer"}
    assert tuple(host.sent) == (LEFT, RIGHT, TOP)
    assert host.announced == ["could not fetch from peer (it broke off)"]


def test_a_server_that_does_not_serve_is_not_asked_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    have(host, "peer", *ALL)

    def take(server: Server, _door: int, _paths: Sequence[PathInfo], _seconds: float) -> Callable[[], Received]:
        host.asked.append(server.host)
        raise PeerError(f"{server.host} does not serve")

    monkeypatch.setattr(host, "take", take)
    assert host.served() == {}
    assert host.asked == ["peer"]
    assert tuple(host.sent) == ALL


def test_a_server_is_free_for_others_while_the_host_adds_what_it_has_got(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    have(host, "peer", *ALL)
    other = Ledger(tmp_path / "ledger", "other")
    doors: list[int] = []

    def take(_server: Server, door: int, paths: Sequence[PathInfo], _seconds: float) -> Callable[[], Received]:
        doors.append(door)

        def add() -> Received:
            doors.append(other.begin(ALL, frozenset(), 1000)[1])
            return Received(tuple(info.path for info in paths))

        return add

    monkeypatch.setattr(host, "take", take)
    assert host.served() == {info.path: "peer" for info in ALL}
    assert doors == [0, 0]
    other.close()


def test_without_a_route_to_anybody_the_rest_is_left_to_the_source(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(MOST_UNREACHABLE + 2):
        have(host, f"peer-{number}", *ALL)

    def take(server: Server, _door: int, _paths: Sequence[PathInfo], _seconds: float) -> Callable[[], Received]:
        host.asked.append(server.host)
        return lambda: Received((), "no route to host")

    monkeypatch.setattr(host, "take", take)
    assert set(host.served().values()) == {"nobody"}
    assert len(host.asked) == MOST_UNREACHABLE
    assert host.sent == []


def test_a_host_that_cannot_fetch_leaves_all_to_the_source(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    have(host, "peer", *ALL)

    def take(_server: Server, _door: int, _paths: Sequence[PathInfo], _seconds: float) -> Callable[[], Received]:
        raise ReceiverError("there is no ssh on PATH")

    monkeypatch.setattr(host, "take", take)
    assert set(host.served().values()) == {"nobody"}
    assert host.announced == ["can fetch nothing from other hosts (there is no ssh on PATH)"]
