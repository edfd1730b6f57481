# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What callbacks need: Ansible's events as the report has them, and lines on Ansible's display."""

from __future__ import annotations

import os
import pathlib
import shlex
import shutil
import time
import typing as t

from ansible import constants, context

from ..core.text import redacted
from ..report.events import TaskEvent, of_all_items
from .variables import STATE_DIRECTORY, plain

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ..report.events import Status
    from ..report.table import Line


COLLECTION = "nix.fleet."
COLLECTION_ROOT = pathlib.Path(__file__).resolve().parents[3]


def began(host: t.Any, task: t.Any) -> TaskEvent:
    """Return the event of a task that begins for ``host``."""
    return _event(host, task, "started", {})


def ended(result: t.Any, status: Status) -> TaskEvent:
    """Return the event of a task that has ended so."""
    # `_host` and `_task` are what every supported ansible-core has; 2.19 added public names.
    return _event(result._host, result._task, status, redacted(of_all_items(plain(dict(result._result)))))


def our_module(task: t.Any) -> str | None:
    """Return the name of this collection's module that ``task`` runs, or None.

    Whatever a role of ours does counts as ours, so that a host whose variables are not valid is reported too.
    """
    name = str(getattr(task, "resolved_action", None) or task.action)
    if name.startswith(COLLECTION):
        return name.removeprefix(COLLECTION)
    role = getattr(task, "_role", None)
    return "" if role is not None and str(role.get_name()).startswith(COLLECTION) else None


def _event(host: t.Any, task: t.Any, status: Status, result: dict[str, t.Any]) -> TaskEvent:
    # As Ansible calls a task that has no name of its own.
    name = plain(str(getattr(task, "name", None) or task.action))
    check_mode = bool(task.check_mode) if isinstance(task.check_mode, bool) else False
    origin = origin_of(task) if status in ("failed", "unreachable") else ""
    return TaskEvent(str(host.get_name()), our_module(task), status, time.monotonic(), result, check_mode, name, origin)


def origin_of(task: t.Any) -> str:
    """Return the file and line of a task that is the user's own and not one of this collection's."""
    path = str(task.get_path() or "") if hasattr(task, "get_path") else ""
    file = pathlib.Path(path.rpartition(":")[0]).resolve()
    if not path or any(file.is_relative_to(COLLECTION_ROOT / own) for own in ("roles", "playbooks")):
        return ""
    return _near(path)


def _near(path: str) -> str:
    near = os.path.relpath(path)
    return path if near.startswith("..") else near


def fleet_options(play: t.Any) -> str:
    """Return what takes a later command to the same hosts and their journals, as far as this run's own command line says it."""
    given = list(context.CLIARGS.get("inventory") or ())
    sources = [] if given == list(constants.DEFAULT_HOST_LIST) else given
    words = [word for source in sources for word in ("-i", source if "," in source else _near(source))]
    extra = play.get_variable_manager().extra_vars
    for name in ("fleet_hosts", STATE_DIRECTORY):
        if value := extra.get(name):
            words += ["-e", f"{name}={','.join(value) if isinstance(value, list) else value}"]
    return "".join(f" {shlex.quote(word)}" for word in words)


WIDEST = 100

_COLORS = {
    "ok": constants.COLOR_OK,
    "changed": constants.COLOR_CHANGED,
    "failed": constants.COLOR_ERROR,
    "unreachable": constants.COLOR_UNREACHABLE,
}


def screen_width() -> int:
    """Return how many characters a line may have: those of the terminal, but no more than are read with ease."""
    return min(WIDEST, shutil.get_terminal_size((WIDEST, 25)).columns)


def print_lines(display: t.Any, lines: Iterable[Line]) -> None:
    """Print each of ``lines``, in the colour of what it means."""
    for line in lines:
        display.display(line.text, color=_COLORS.get(line.meaning))
