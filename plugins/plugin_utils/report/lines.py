# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that stay on the screen: how a host ended, why it failed, what a stage has done."""

from __future__ import annotations

import typing as t

from ..core.quantities import duration
from ..core.terminal import harmless_line
from .stages import STAGES
from .summary import view_of, why
from .table import Line, cut
from .view import NOTHING

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from .events import TaskEvent
    from .records import Failure, HostRecord

# What a host does while a module of ours runs, until that says it better.
DOING = {
    "": "beginning",
    "nix_eval": "evaluating",
    "nix_build": "building",
    "nix_builder_info": "asking builders",
    "nix_cache_push": "pushing",
    "nix_substitute": "fetching",
    "nix_copy_closure": "copying",
    "nix_keys": "bringing keys",
    "nix_activate": "activating",
    "nix_health": "checking",
    "nix_confirm": "confirming",
    "nix_reboot": "rebooting",
    "nix_gc": "collecting garbage",
    "nix_runtime_data": "giving a service its data",
    "nix_channel": "moving its channel",
    "nix_install": "installing",
    "nix_info": "telling what it runs",
}
MARKS = {"failed": "✗", "unreachable": "✗"}
# Enough for most cells, so that lines which come one by one stand in columns.
COLUMN = 11
# The error has kept the last lines of its log; here they are all shown.
LOG_LINES = 25


def doing(module: str | None, task: str) -> str:
    """Return what a host does in a task."""
    return task if module is None else DOING.get(module, task)


def settled(host: HostRecord, wide: int) -> Line:
    """Return the line of a host that is done; the names of the hosts are ``wide``."""
    view = view_of([host])
    meaning = view.word(host).meaning
    name, *cells = view.row(host)
    told = "  ".join(("" if cell == NOTHING else cell).ljust(COLUMN) for cell in cells)
    return Line(harmless_line(f"{MARKS.get(meaning, '✓')} {name.ljust(wide)}  {told}".rstrip()), meaning)


def left_alone(hosts: int) -> Line:
    """Return what becomes of so many hosts that were being activated, or awaited their verdict, when the run was cut off."""
    were = "1 host was" if hosts == 1 else f"{hosts} hosts were"
    each = "it" if hosts == 1 else "each"
    return Line(
        f"{were} being activated or awaited confirmation: {each} goes back by itself, or ends what it began where none was"
        " asked for; nix.fleet.status tells what runs",
        "failed",
    )


def failed(failure: Failure, command: str | None, width: int) -> list[Line]:
    """Return why a host failed, to stand below its line."""
    lines = why(failure, width, "failed", log_lines=LOG_LINES)
    if command:
        lines.append(Line(harmless_line(f"      command: {command}"), "aside"))
    return lines


def failed_as(failure: Failure, other: str, width: int) -> Line:
    """Return the line below a host that failed as another did, which has all of it."""
    return Line(cut(f"    as {other}: {failure.headline}", width), "failed")


def done(event: TaskEvent, seconds: float, wide: int) -> Line | None:
    """Return the line of a task that went well, if it is worth one: where nothing is drawn, a log tells of each stage."""
    changed = bool(event.result.get("changed"))
    if event.module in STAGES:
        what = f"{STAGES[event.module][0]}: {_first_line(event.result)}"
    elif changed:
        what = f"{event.task}: changed"
    else:
        return None
    return Line(
        harmless_line(f"{event.host.ljust(wide)}  {what} ({duration(seconds)})"), "changed" if changed else "ok"
    )


def goes_on(host: str, what: str, seconds: float, wide: int) -> Line:
    """Return the line of a host that has been at the same for long."""
    return Line(harmless_line(f"{host.ljust(wide)}  {what} ({duration(seconds)})"), "aside")


def ignored(host: str, task: str, failure: Failure, width: int) -> Line:
    """Return the line of a failure that the playbook does not mind."""
    return Line(cut(f"{host}: {task}: {failure.cause} (ignored)", width), "aside")


def _first_line(result: Mapping[str, t.Any]) -> str:
    return str(result.get("msg") or "done").partition("\n")[0]
