# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory of processes that run."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.tests.bench.memory import PeakMemory, memory_of
from ansible_collections.nix.fleet.tests.bench.processes import beside

if t.TYPE_CHECKING:
    from collections.abc import Iterator

MEBIBYTE = 1 << 20
SIZE = 64 * MEBIBYTE
TAKE = f"kept = bytearray(b'x') * {SIZE}; print('taken', flush=True); input()"

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the kernel does not tell")


@pytest.fixture
def large() -> Iterator[int]:
    """A process that has taken as much memory."""
    with subprocess.Popen([sys.executable, "-c", TAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"taken\n"
        yield process.pid


def test_what_a_process_has_taken_is_its_memory(large: int) -> None:
    assert SIZE < memory_of(large) < 2 * SIZE


def test_what_has_ended_has_none() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert memory_of(process.pid) == 0


def test_the_peak_is_of_all_processes_together(large: int) -> None:
    with PeakMemory(lambda: [large, os.getpid()]) as peak:
        pass
    assert peak.bytes > SIZE + MEBIBYTE


def test_processes_are_beside_each_other_that_see_each_other(large: int) -> None:
    assert {large, os.getpid()} <= set(beside(large))
