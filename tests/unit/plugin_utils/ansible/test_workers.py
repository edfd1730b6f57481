# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker of Ansible's that is gone without a result is noticed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import typing as t
from collections.abc import Callable

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.workers import PATIENCE_SECONDS, Workers

CONTEXT = multiprocessing.get_context("fork")


class Worker(CONTEXT.Process):  # type: ignore[name-defined]
    """A process that works for the host `web`, as Ansible's do."""

    _host = "web"


def seen_to_its_end(target: Callable[..., t.Any], *arguments: t.Any) -> Workers:
    """Return what has looked at a worker while it was there, and again when it has ended."""
    worker = Worker(target=target, args=arguments)
    worker.start()
    workers = Workers()
    assert workers.lost(0) is None
    worker.join()
    assert workers.lost(1) is None
    return workers


def die_by(number: int) -> None:
    time.sleep(0.2)
    os.kill(os.getpid(), number)


def exit_with(code: int) -> None:
    time.sleep(0.2)
    os._exit(code)


@pytest.mark.parametrize(
    ("target", "argument", "words"),
    [
        (die_by, signal.SIGKILL, "the process that worked for web was ended by signal 9 (SIGKILL)"),
        (exit_with, 1, "the process that worked for web ended with exit code 1"),
    ],
)
def test_who_was_killed_is_told_of_when_ansible_had_time_to_notice(
    target: Callable[..., t.Any], argument: int, words: str
) -> None:
    assert seen_to_its_end(target, argument).lost(1 + PATIENCE_SECONDS) == words


def test_who_has_done_its_work_is_not_missed() -> None:
    assert seen_to_its_end(exit_with, 0).lost(1 + PATIENCE_SECONDS) is None


def test_who_was_closed_meanwhile_has_brought_its_result() -> None:
    worker = Worker(target=exit_with, args=(1,))
    worker.start()
    workers = Workers()
    workers.lost(0)
    worker.join()
    worker.close()
    workers.lost(1)
    assert workers.lost(1 + PATIENCE_SECONDS) is None
