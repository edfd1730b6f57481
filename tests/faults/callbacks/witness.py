# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down what each task was told, and can hold a run before a task until it is let go.

``FAULTS_DIRECTORY`` is where: ``results.jsonl`` gets a line a result. ``FAULTS_HOLD`` names the task to hold before, which
says ``reached`` there and waits for ``go``.
"""

from __future__ import annotations

import json
import os
import time
import typing as t
from pathlib import Path

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: witness
type: notification
short_description: Writes down what each task was told
description: Part of the fault suite.
"""


class CallbackModule(CallbackBase):
    """See the file's first lines."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "witness"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._directory = Path(os.environ["FAULTS_DIRECTORY"])
        self._hold = os.environ.get("FAULTS_HOLD")

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        """Hold the run here, in its main process."""
        if self._hold and task.get_name().rpartition(" : ")[2] == self._hold:
            (self._directory / "reached").touch()
            while self._directory.is_dir() and not (self._directory / "go").exists():
                time.sleep(0.02)

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Write a result down."""
        line = {"host": result._host.get_name(), "outcome": result._result.get("outcome")}
        with (self._directory / "results.jsonl").open("a") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Write a result down."""
        self.v2_runner_on_ok(result)
