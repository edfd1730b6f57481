# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Collects what happened to each host during a run and hands it to the report when the run is over.

from __future__ import annotations

DOCUMENTATION = r"""
name: summary
type: aggregate
short_description: Say at the end of a run what was deployed where
version_added: 0.1.0
author: nix.fleet contributors (!UNKNOWN)
description:
  - Prints a table after a run in which modules of this collection took part, with a row for each host that they ran for.
  - A row has the outcome, the generation before and after, how much was copied, and the time it took. Below the row of
    a host that failed is why, and what to do about it.
  - Runs without any module of this collection print nothing.
requirements:
  - enable in configuration (C(callbacks_enabled = nix.fleet.summary))
options:
  width:
    description:
      - The widest that a line may get. V(0) takes the width of the terminal, but not more than 100.
    type: int
    default: 0
    env:
      - name: NIX_FLEET_SUMMARY_WIDTH
    ini:
      - section: callback_nix_fleet_summary
        key: width
"""

import shutil
import time
import typing as t

from ansible import constants
from ansible.plugins.callback import CallbackBase

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible_io.plain import plain
from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import TaskEvent
from ansible_collections.nix.fleet.plugins.plugin_utils.report.records import records
from ansible_collections.nix.fleet.plugins.plugin_utils.report.summary import summary

if t.TYPE_CHECKING:
    from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import Status

COLLECTION = "nix.fleet."
WIDEST = 100

_COLORS = {
    "ok": constants.COLOR_OK,
    "changed": constants.COLOR_CHANGED,
    "failed": constants.COLOR_ERROR,
    "unreachable": constants.COLOR_UNREACHABLE,
    "aside": constants.COLOR_VERBOSE,
}


class CallbackModule(CallbackBase):
    """Ansible's events in, the closing report out."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "nix.fleet.summary"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._events: list[TaskEvent] = []
        self._began = time.monotonic()

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        """Note that a host's task began."""
        self._note(host.get_name(), task, "started", {})

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Note what a task returned."""
        self._note_result(result, "ok")

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """Note why a task failed."""
        if not ignore_errors:
            self._note_result(result, "failed")

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """Note that a host could not be reached."""
        self._note_result(result, "unreachable")

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Print the report."""
        # A failure that was rescued or ignored is not counted there.
        failed = frozenset(str(host) for host, count in stats.failures.items() if count)
        lines = summary(records(self._events, failed=failed), self._width(), time.monotonic() - self._began)
        if not lines:
            return
        self._display.banner("FLEET")
        for line in lines:
            self._display.display(line.text, color=_COLORS.get(line.meaning))

    def _note_result(self, result: t.Any, status: Status) -> None:
        # `_host` and `_task` are what every supported ansible-core has; 2.19 added public names.
        self._note(result._host.get_name(), result._task, status, plain(dict(result._result)))

    def _note(self, host: str, task: t.Any, status: Status, result: dict[str, t.Any]) -> None:
        check_mode = bool(task.check_mode) if isinstance(task.check_mode, bool) else False
        self._events.append(TaskEvent(str(host), our_module(task), status, time.monotonic(), result, check_mode))

    def _width(self) -> int:
        chosen = int(self.get_option("width"))
        return chosen or min(WIDEST, shutil.get_terminal_size((WIDEST, 25)).columns)


def our_module(task: t.Any) -> str | None:
    """Return the name of this collection's module that ``task`` runs, or None.

    Whatever the role ``deploy`` does counts as ours, so that a host whose variables are not valid is reported too.
    """
    name = str(getattr(task, "resolved_action", None) or task.action)
    if name.startswith(COLLECTION):
        return name.removeprefix(COLLECTION)
    role = getattr(task, "_role", None)
    return "" if role is not None and str(role.get_name()).startswith(COLLECTION) else None
