# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are served by processes of their own know of each other what is needed to share the work, and no more."""

from __future__ import annotations

import subprocess
import sys
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy import cascade_ledger as module
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.cascade_ledger import Ledger, Server
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.cascade_plan import (
    FromPeer,
    FromSource,
    Step,
    Wait,
    next_step,
)

from .paths import ALL, BASE, LEFT

Ledgers = Callable[[str], Ledger]
NOBODY = frozenset[str]()


@pytest.fixture
def ledgers(tmp_path: Path) -> Iterator[Ledgers]:
    """What opens the ledger of the run for a host."""
    opened: list[Ledger] = []

    def ledger(host: str) -> Ledger:
        opened.append(Ledger(tmp_path / "run" / "ledger", host))
        return opened[-1]

    yield ledger
    for each in opened:
        each.close()


def serving(ledger: Ledger, host: str) -> None:
    """Have a host that has everything."""
    ledger.serves(Server(host, "192.0.2.1", 26940))
    ledger.has([info.path for info in ALL], host)


def test_the_source_sends_a_path_to_one_host_only(ledgers: Ledgers) -> None:
    first, second = ledgers("first"), ledgers("second")
    assert first.begin(ALL, NOBODY, 250) == (FromSource((BASE, LEFT)), 0)
    assert second.begin(ALL, NOBODY, 250) == (Wait(), 0)


def test_a_host_has_from_another_what_that_has_got(ledgers: Ledgers) -> None:
    first, second = ledgers("first"), ledgers("second")
    first.serves(Server("first", "192.0.2.1", 26940))
    first.begin(ALL, NOBODY, 250)
    first.has([BASE.path, LEFT.path])
    first.end(FromSource((BASE, LEFT)))
    assert second.begin(ALL, NOBODY, 1000) == (FromPeer("first", (BASE, LEFT)), 0)
    assert second.server("first") == Server("first", "192.0.2.1", 26940)


def test_where_a_host_serves_is_its_own_to_say(ledgers: Ledgers) -> None:
    builder, other = ledgers("builder"), ledgers("other")
    own = Server("builder", "10.0.0.1", 30000)
    builder.serves(own)
    other.serves_unless_it_says_where(Server("builder", "192.0.2.9", 26940))
    assert other.server("builder") == own


def test_two_are_served_at_a_time_each_at_a_door_of_its_own(ledgers: Ledgers) -> None:
    serving(ledgers("server"), "server")
    one, two, three = ledgers("one"), ledgers("two"), ledgers("three")
    assert [ledger.begin(ALL, NOBODY, 1000)[1] for ledger in (one, two)] == [0, 1]
    assert three.begin(ALL, NOBODY, 1000) == (Wait(), 0)
    one.end(FromPeer("server", ALL), 0)
    assert three.begin(ALL, NOBODY, 1000) == (FromPeer("server", ALL), 0)


def test_what_others_have_begun_meanwhile_is_thought_of_again(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ledgers("first"), ledgers("second")

    def while_the_first_begins(*arguments: t.Any) -> Step:
        step = next_step(*arguments)
        monkeypatch.setattr(module, "next_step", next_step)
        first.begin([BASE], NOBODY, 1000)
        return step

    monkeypatch.setattr(module, "next_step", while_the_first_begins)
    assert second.begin([BASE], NOBODY, 1000) == (Wait(), 0)


def test_a_host_that_cannot_serve_is_asked_by_nobody(ledgers: Ledgers) -> None:
    serving(ledgers("server"), "server")
    ledgers("one").serves_no_more("server")
    assert ledgers("two").begin(ALL, NOBODY, 1000) == (FromSource(ALL), 0)


def test_what_a_killed_process_was_to_fetch_is_fetched_by_others(tmp_path: Path, ledgers: Ledgers) -> None:
    killed = (
        "from ansible_collections.nix.fleet.plugins.plugin_utils.copy.cascade_ledger import Ledger\n"
        "from ansible_collections.nix.fleet.plugins.plugin_utils.nix.path_info import PathInfo\n"
        "import os, pathlib, signal\n"
        f"ledger = Ledger(pathlib.Path({str(tmp_path / 'run' / 'ledger')!r}), 'killed')\n"
        f"ledger.begin([PathInfo({BASE.path!r}, '', 100)], frozenset(), 1000)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", killed], check=False)
    assert ledgers("other").begin([BASE], NOBODY, 1000) == (FromSource((BASE,)), 0)


def test_nobody_waits_for_ever_for_what_is_sent_too_slowly(ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "seconds_for", lambda _paths: -1.0)
    ledgers("slow").begin(ALL, NOBODY, 1000)
    assert ledgers("other").begin(ALL, NOBODY, 1000) == (FromSource(ALL), 0)


def test_what_many_want_is_fetched_before_what_one_wants(ledgers: Ledgers) -> None:
    first, second = ledgers("first"), ledgers("second")
    second.lacks([BASE.path])
    assert first.begin([LEFT, BASE], NOBODY, 1000) == (FromSource((BASE,)), 0)
