# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bench counts of processes that outlive the one which started them."""

from __future__ import annotations

import subprocess
import sys
import types
import typing as t

import pytest

from ansible_collections.nix.fleet.tests.bench.orphans import adopted, spent_by_orphans

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the bench runs on Linux")

# A process that ends at once, tells of the one that it has started, and leaves it to work for a while.
LEAVES_ONE_WORKING = """
import subprocess, sys
work = "import time\\nwhile time.process_time() < 0.3: pass"
print(subprocess.Popen([sys.executable, "-c", work], stdout=subprocess.DEVNULL).pid)
"""
LEAVES_ONE_WAITING = LEAVES_ONE_WORKING.replace("while time.process_time() < 0.3: pass", "time.sleep(5)")


def left_by(program: str) -> t.Any:
    """Return the processes that the bench would have seen, of which one is left."""
    orphan = int(subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True).stdout)
    return types.SimpleNamespace(seen={orphan, 1}, alive=lambda: (orphan,))


def test_what_is_left_working_is_counted_to_its_end() -> None:
    with adopted():
        assert 0.3 <= spent_by_orphans(left_by(LEAVES_ONE_WORKING), patience=20) < 2


def test_what_does_not_end_is_not_waited_for_and_not_counted() -> None:
    with adopted():
        assert spent_by_orphans(left_by(LEAVES_ONE_WAITING), patience=0.1) == 0
