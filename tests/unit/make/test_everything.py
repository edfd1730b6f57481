# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make test` goes on after a part that fails, fails itself then, and leaves nothing running when it is interrupted."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MAKEFILE = """\
good:
\t@echo done well
bad:
\t@echo done badly; false
waits:
\t@sleep 0.1; until [ -e there ]; do sleep 0.1; done
comes:
\t@touch there
dies:
\t@kill -KILL $$(ps -o ppid= -p $$PPID); sleep 1
hangs:
\t@touch began; exec sleep 60.125
"""


def commands() -> Iterator[bytes]:
    """Yield the command line of each process."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield process.read_bytes()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "tests/run").mkdir(parents=True)
    for script in ("everything", "parts"):
        shutil.copy2(ROOT / "tests/run" / script, tmp_path / "tests/run")
    (tmp_path / "Makefile").write_text(MAKEFILE)
    return tmp_path


def test_a_part_that_fails_stops_no_other_and_fails_all_of_it(directory: Path) -> None:
    done = subprocess.run(
        ["tests/run/everything", "bad good | good", "good"], cwd=directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout.count("done well") == 3
    assert "done badly" in done.stdout
    assert done.stdout.endswith("\n3 passed, 1 failed\n")


@pytest.mark.parametrize("parts", [["good | dies"], ["dies", "good"]], ids=["beside", "alone"])
def test_a_part_that_leaves_no_word_fails_all_of_it(directory: Path, parts: list[str]) -> None:
    done = subprocess.run(["tests/run/everything", *parts], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.endswith("\n1 passed, 0 failed\n1 of 2 did not get to their end\n")


def test_an_interrupted_run_ends_what_it_has_begun_and_says_where_it_was(directory: Path) -> None:
    run = subprocess.Popen(
        ["tests/run/everything", "hangs | good", "good"], cwd=directory, stdout=subprocess.PIPE, text=True
    )
    while not (directory / "began").exists():
        time.sleep(0.05)
    run.terminate()
    output, _errors = run.communicate(timeout=30)
    assert run.returncode == 130
    assert output.endswith("interrupted in hangs | good\n")
    deadline = time.monotonic() + 10
    while any(b"sleep\x0060.125" in command for command in commands()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
