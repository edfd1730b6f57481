# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command, run once and measured."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import time
import typing as t

from .memory import PeakMemory
from .orphans import adopted, spent_by_orphans
from .processes import Processes, evaluations

if t.TYPE_CHECKING:
    from pathlib import Path

    from .record import Command, Measured

LONGEST_RUN = 900
# Evaluators end within it, and what is kept for later runs does not.
PATIENCE = 1.0
LINES_SHOWN = 15


class BenchError(Exception):
    """Why something could not be measured."""


@dataclasses.dataclass(frozen=True)
class Run:
    """A command that has ended well: when it began, as the clock on the wall says, and what it cost."""

    began: float
    output: str
    measured: Measured


def measure(command: Command, log: Path, *, memory: bool) -> Run:
    """Run a command to its end."""
    with adopted(), log.open("wb") as output, Processes() as processes, contextlib.ExitStack() as stack:
        began, start = time.time(), time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=command.directory,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        processes.follow(process.pid)
        peak = stack.enter_context(PeakMemory(processes.alive)) if memory else None
        status, usage = _ended(process, time.monotonic() + LONGEST_RUN)
        seconds = time.perf_counter() - start
        orphans = spent_by_orphans(processes, PATIENCE)
    text = log.read_text(errors="replace")
    if status:
        last = "\n".join(text.splitlines()[-LINES_SHOWN:])
        raise BenchError(f"exit code {status}: {' '.join(command.argv)[:200]}\n{last}")
    measured = {
        "seconds": seconds,
        "processor_seconds": usage.ru_utime + usage.ru_stime + orphans,
        "processes": float(processes.started),
        "evaluations": float(evaluations(processes.programs.values())),
    }
    if peak is not None:
        measured["memory_bytes"] = float(peak.bytes)
    return Run(began, text, measured)


def _ended(process: subprocess.Popen[bytes], deadline: float) -> tuple[int, t.Any]:
    """Wait for the end of a process; return its exit code and what it and its children have used."""
    while True:
        number, status, usage = os.wait4(process.pid, os.WNOHANG)
        if number:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage
        if time.monotonic() > deadline:
            process.kill()
            deadline += LONGEST_RUN
        time.sleep(0.002)
