# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was done, on its way from many processes to one."""

from __future__ import annotations

import os
import stat
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.report import spool
from ansible_collections.nix.fleet.plugins.plugin_utils.report.slice import Slice

if t.TYPE_CHECKING:
    from pathlib import Path

BUILD = Slice("build größe", "nix-build", 1.0, 2.5, {"derivation": "x"}, 3, 1)
COPY = Slice("copy x", "nix-copy", 2.0, 2.25)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    spool.begin(tmp_path / "trace")
    return tmp_path / "trace"


def test_what_is_noted_is_read_by_host(path: Path) -> None:
    spool.note(path, "web", [BUILD, COPY])
    spool.note(path, "db", [COPY])
    spool.note(path, "web", [COPY])
    assert spool.read(path) == {"web": [BUILD, COPY, COPY], "db": [COPY]}


def test_nothing_is_noted_where_nobody_wants_a_trace(tmp_path: Path) -> None:
    assert not spool.is_wanted(tmp_path / "trace")
    spool.note(tmp_path / "trace", "web", [BUILD])
    assert list(tmp_path.iterdir()) == []
    assert spool.read(tmp_path / "trace") == {}


def test_it_is_for_its_owner_alone(path: Path) -> None:
    assert spool.is_wanted(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_a_killed_process_began_costs_nothing_else(path: Path) -> None:
    with path.open("a") as file:
        file.write('{"host": "web", "name": "bu')
    spool.note(path, "db", [COPY])
    assert spool.read(path) == {"db": [COPY]}


def test_what_many_processes_note_at_once_does_not_mix(path: Path) -> None:
    children = []
    for number in range(8):
        child = os.fork()
        if not child:
            for _turn in range(20):
                spool.note(path, f"host-{number}", [BUILD] * 200)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    assert {host: len(noted) for host, noted in spool.read(path).items()} == {f"host-{n}": 4000 for n in range(8)}
