# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts serve each other what they have in common: the decisions of each, what they tell each other, and all of it together."""

from __future__ import annotations

import subprocess
import sys
import typing as t
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy import cascade as module
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.cascade import (
    MOST_UNREACHABLE,
    Fleet,
    FromPeer,
    FromSource,
    Peers,
    Server,
    Step,
    Wait,
    cascade,
    next_step,
    peer_address,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.transfer import PeerError, Received, ReceiverError
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.store import PathInfo
from ansible_collections.nix.fleet.plugins.plugin_utils.run_state.run_state import RunState

from ...errors import fails_with
from .paths import ALL, BASE, LEFT, RIGHT, TOP


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "fe80::1%wg0", "db-1.example", "_host"])
def test_addresses_and_names_are_addresses(text: str) -> None:
    assert peer_address(text) == text


@pytest.mark.parametrize("text", ["", "-oProxyCommand=reboot", "a b", "a;reboot", "$(reboot)", "root@host", "a\nb"])
def test_what_ssh_or_a_shell_would_take_for_something_else_is_no_address(text: str) -> None:
    with fails_with("copy.peer_address"):
        peer_address(text)


OTHERS = frozenset({"one", "two"})


def step(
    lacking: Sequence[PathInfo] = ALL,
    held: Mapping[str, Sequence[PathInfo]] | None = None,
    *,
    coming: Sequence[PathInfo] = (),
    wanted: Sequence[PathInfo] = (),
    free: AbstractSet[str] = OTHERS,
    reachable: AbstractSet[str] = OTHERS,
    most_bytes: int = 1000,
) -> Step:
    """What comes next for a host that lacks some paths, when other hosts hold some."""
    holders: dict[str, set[str]] = {}
    for host, paths in (held or {}).items():
        for info in paths:
            holders.setdefault(info.path, set()).add(host)
    fleet = Fleet(holders, {info.path for info in coming}, {info.path for info in wanted}, free)
    return next_step(lacking, fleet, reachable, most_bytes)


def test_what_nobody_has_comes_from_the_source() -> None:
    assert step() == FromSource(ALL)


def test_what_a_peer_has_comes_from_the_peer() -> None:
    assert step(held={"one": ALL}) == FromPeer("one", ALL)


def test_the_peer_that_can_serve_most_is_asked() -> None:
    assert step(held={"one": [BASE], "two": [BASE, LEFT]}) == FromPeer("two", (BASE, LEFT))


def test_a_path_is_not_fetched_before_those_that_it_refers_to() -> None:
    assert step(held={"one": [LEFT, RIGHT, TOP]}) == FromSource((BASE,))


def test_what_is_coming_to_others_is_waited_for() -> None:
    assert step(coming=[BASE]) == Wait()


def test_the_source_does_not_send_what_one_wants_while_it_sends_what_many_want() -> None:
    assert step([LEFT, RIGHT], coming=[LEFT]) == Wait()
    assert step([LEFT, RIGHT], coming=[LEFT], wanted=[RIGHT]) == FromSource((RIGHT,))


def test_a_busy_peer_is_waited_for() -> None:
    assert step(held={"one": ALL}, free=frozenset()) == Wait()


def test_what_only_an_unreachable_peer_has_comes_from_the_source() -> None:
    assert step(held={"one": ALL}, reachable=frozenset({"two"})) == FromSource(ALL)


def test_the_source_is_asked_first_for_what_others_want_too() -> None:
    assert step([LEFT, RIGHT], wanted=[RIGHT]) == FromSource((RIGHT,))


def test_no_step_is_larger_than_allowed_unless_a_single_path_is() -> None:
    assert step(most_bytes=250) == FromSource((BASE, LEFT))
    assert step(most_bytes=50) == FromSource((BASE,))
    assert step(held={"one": ALL}, most_bytes=150) == FromPeer("one", (BASE, LEFT, RIGHT))


Views = Callable[[str], Peers]
NOBODY = frozenset[str]()


@pytest.fixture
def views(tmp_path: Path) -> Views:
    """What makes a host's view of the run."""
    return lambda host: Peers(RunState(tmp_path), host)


def serving(view: Peers, host: str) -> None:
    """Have a host that has everything."""
    view.serves(Server(host, "192.0.2.1"))
    view.has([info.path for info in ALL], host)


def test_the_source_sends_a_path_to_one_host_only(views: Views) -> None:
    first, second = views("first"), views("second")
    assert first.begin(ALL, NOBODY, 250) == (FromSource((BASE, LEFT)), 0)
    assert second.begin(ALL, NOBODY, 250) == (Wait(), 0)


def test_a_host_has_from_another_what_that_has_got(views: Views) -> None:
    first, second = views("first"), views("second")
    first.serves(Server("first", "192.0.2.1"))
    first.begin(ALL, NOBODY, 250)
    first.has([BASE.path, LEFT.path])
    first.end(FromSource((BASE, LEFT)))
    assert second.begin(ALL, NOBODY, 1000) == (FromPeer("first", (BASE, LEFT)), 0)
    assert second.server("first") == Server("first", "192.0.2.1")


def test_where_a_host_serves_is_its_own_to_say(views: Views) -> None:
    builder, other = views("builder"), views("other")
    own = Server("builder", "10.0.0.1")
    builder.serves(own)
    other.serves_unless_known(Server("builder", "192.0.2.9"))
    assert other.server("builder") == own


def test_two_are_served_at_a_time_each_at_a_port_of_its_own(views: Views) -> None:
    serving(views("server"), "server")
    one, two, three = views("one"), views("two"), views("three")
    assert [view.begin(ALL, NOBODY, 1000)[1] for view in (one, two)] == [0, 1]
    assert three.begin(ALL, NOBODY, 1000) == (Wait(), 0)
    one.end(FromPeer("server", ALL), 0)
    assert three.begin(ALL, NOBODY, 1000) == (FromPeer("server", ALL), 0)


def test_what_others_have_begun_meanwhile_is_thought_of_again(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = views("first"), views("second")

    def while_the_first_begins(*arguments: t.Any) -> Step:
        step = next_step(*arguments)
        monkeypatch.setattr(module, "next_step", next_step)
        first.begin([BASE], NOBODY, 1000)
        return step

    monkeypatch.setattr(module, "next_step", while_the_first_begins)
    assert second.begin([BASE], NOBODY, 1000) == (Wait(), 0)


def test_a_host_that_cannot_serve_is_asked_by_nobody(views: Views) -> None:
    serving(views("server"), "server")
    views("one").serves_no_more("server")
    assert views("two").begin(ALL, NOBODY, 1000) == (FromSource(ALL), 0)


def test_what_a_killed_process_was_to_fetch_is_fetched_by_others(tmp_path: Path, views: Views) -> None:
    killed = (
        "from ansible_collections.nix.fleet.plugins.plugin_utils.copy.cascade import Peers\n"
        "from ansible_collections.nix.fleet.plugins.plugin_utils.run_state.run_state import RunState\n"
        "from ansible_collections.nix.fleet.plugins.plugin_utils.nix.store import PathInfo\n"
        "import os, pathlib, signal\n"
        f"killed = Peers(RunState(pathlib.Path({str(tmp_path)!r})), 'killed')\n"
        f"killed.begin([PathInfo({BASE.path!r}, '', 100)], frozenset(), 1000)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", killed], check=False)
    assert views("other").begin([BASE], NOBODY, 1000) == (FromSource((BASE,)), 0)


def test_nobody_waits_for_ever_for_what_is_sent_too_slowly(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "seconds_for", lambda _paths: -1.0)
    views("slow").begin(ALL, NOBODY, 1000)
    assert views("other").begin(ALL, NOBODY, 1000) == (FromSource(ALL), 0)


class Host:
    """A host that lacks everything; others serve what they have unless a test says otherwise."""

    def __init__(self, peers: Peers) -> None:
        self.peers = peers
        self.sent: list[PathInfo] = []
        self.asked: list[str] = []
        self.announced: list[str] = []

    def send(self, paths: Sequence[PathInfo]) -> None:
        self.sent += paths

    def fetch(self, server: Server, _slot: int, paths: Sequence[PathInfo], _seconds: float) -> Callable[[], Received]:
        self.asked.append(server.host)
        return lambda: Received(tuple(info.path for info in paths))

    def served(self) -> dict[str, str]:
        """Bring everything to the host; return who served what, and `nobody` for what is left."""
        spread = cascade(self.peers, ALL, send=self.send, fetch=self.fetch, announce=self.announced.append)
        return spread.served | dict.fromkeys(spread.left, "nobody")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(Peers(RunState(tmp_path), "host"))


def have(host: Host, name: str, *paths: PathInfo) -> None:
    """Have another host that has some paths."""
    host.peers.serves(Server(name, "192.0.2.1"))
    host.peers.has([info.path for info in paths], name)


def test_others_serve_what_they_have_and_the_source_sends_the_rest(host: Host) -> None:
    have(host, "peer", BASE, LEFT)
    assert host.served() == {BASE.path: "peer", LEFT.path: "peer"}
    assert tuple(host.sent) == (RIGHT, TOP)


def test_what_it_has_got_others_are_told(host: Host, tmp_path: Path) -> None:
    host.served()
    host.peers.serves(Server("host", "192.0.2.9"))
    other = Peers(RunState(tmp_path), "other")
    assert Host(other).served() == {info.path: "host" for info in ALL}


def test_after_a_server_that_broke_off_the_rest_comes_from_elsewhere(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(host, "peer", *ALL)

    def fetch(_server: Server, _slot: int, _paths: Sequence[PathInfo], _seconds: float) -> Callable[[], Received]:
        return lambda: Received((BASE.path,), "it broke off")

    monkeypatch.setattr(host, "fetch", fetch)
    assert host.served() == {BASE.path: "peer"}
    assert tuple(host.sent) == (LEFT, RIGHT, TOP)
    assert host.announced == ["could not fetch from peer (it broke off)"]


def test_a_server_that_does_not_serve_is_not_asked_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    have(host, "peer", *ALL)

    def fetch(server: Server, _slot: int, _paths: Sequence[PathInfo], _seconds: float) -> Callable[[], Received]:
        host.asked.append(server.host)
        raise PeerError(f"{server.host} does not serve")

    monkeypatch.setattr(host, "fetch", fetch)
    assert host.served() == {}
    assert host.asked == ["peer"]
    assert tuple(host.sent) == ALL


def test_a_server_is_free_for_others_while_the_host_adds_what_it_has_got(
    host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    have(host, "peer", *ALL)
    other = Peers(RunState(tmp_path), "other")
    slots: list[int] = []

    def fetch(_server: Server, slot: int, paths: Sequence[PathInfo], _seconds: float) -> Callable[[], Received]:
        slots.append(slot)

        def add() -> Received:
            slots.append(other.begin(ALL, frozenset(), 1000)[1])
            return Received(tuple(info.path for info in paths))

        return add

    monkeypatch.setattr(host, "fetch", fetch)
    assert host.served() == {info.path: "peer" for info in ALL}
    assert slots == [0, 0]


def test_without_a_route_to_anybody_the_rest_is_left_to_the_source(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(MOST_UNREACHABLE + 2):
        have(host, f"peer-{number}", *ALL)

    def fetch(server: Server, _slot: int, _paths: Sequence[PathInfo], _seconds: float) -> Callable[[], Received]:
        host.asked.append(server.host)
        return lambda: Received((), "no route to host")

    monkeypatch.setattr(host, "fetch", fetch)
    assert set(host.served().values()) == {"nobody"}
    assert len(host.asked) == MOST_UNREACHABLE
    assert host.sent == []


def test_a_host_that_cannot_fetch_leaves_all_to_the_source(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    have(host, "peer", *ALL)

    def fetch(_server: Server, _slot: int, _paths: Sequence[PathInfo], _seconds: float) -> Callable[[], Received]:
        raise ReceiverError("there is no ssh on PATH")

    monkeypatch.setattr(host, "fetch", fetch)
    assert set(host.served().values()) == {"nobody"}
    assert host.announced == ["can fetch nothing from other hosts (there is no ssh on PATH)"]
