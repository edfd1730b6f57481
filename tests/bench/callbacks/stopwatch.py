# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down how long the tasks of a run took, from the start of the first to the end of the last: Ansible's own start is not in it."""

from __future__ import annotations

import os
import time
import typing as t
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: stopwatch
type: notification
short_description: how long the tasks of a run took
description: For the bench.
"""


class CallbackModule(CallbackBase):
    """See the file's first lines."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "stopwatch"
    CALLBACK_NEEDS_ENABLED = True

    _began: float | None = None

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        """Note when the first task began."""
        self._began = self._began or time.perf_counter()

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Note how long it has been."""
        seconds = time.perf_counter() - (self._began or 0)
        Path(os.environ["BENCH_STOPWATCH"]).write_text(f"{seconds}\n")
