# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table that closes a run: a row for each host, why the failed ones failed, and one line for all of them."""

from __future__ import annotations

import collections
import typing as t

from ..core.text import duration, size
from .records import INTERRUPTED, by_failure
from .status import STATUS
from .table import NOTHING, Line, Meaning, State, View, aligned, note, short_paths, wrapped_log

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .events import Failure
    from .records import HostRecord


_WORST_FIRST: tuple[Meaning, ...] = ("failed", "unreachable", "changed")
_MEANINGS: dict[str, Meaning] = {"unchanged": "ok", "evaluated": "ok", "unreachable": "unreachable"}


def _row(host: HostRecord) -> tuple[str, ...]:
    before, after = (NOTHING if each is None else str(each) for each in (host.generation_before, host.generation_after))
    return (
        host.host,
        _state(host).text,
        before if after in (NOTHING, before) else f"{before} → {after}",
        NOTHING if host.copied_bytes is None else size(host.copied_bytes),
        duration(host.seconds),
    )


def _state(host: HostRecord) -> State:
    if host.outcome is None:
        return State("looked at" if host.looked_at else "nothing done", "ok")
    if host.failure is not None and host.outcome != "unreachable":
        return State(host.outcome, "failed")
    return State(host.outcome, _MEANINGS.get(host.outcome, "changed"))


def _notes(host: HostRecord) -> list[str]:
    notes = [short_paths(host.note)] if host.note and host.failure is None else []
    # Of a run that only builds.
    if host.out_path and host.outcome in ("built", "unchanged") and host.generation_before is None:
        notes.append(host.out_path)
    if host.undone and host.outcome != "undone":
        notes.append("what this run did was undone")
    if host.down_seconds is not None:
        notes.append(f"rebooted, and up again after {duration(host.down_seconds)}")
    if host.reboot_required:
        notes.append("only a reboot brings all of it into use")
    if host.units_failed and host.failure is None:
        notes.append(f"failed units: {', '.join(host.units_failed)}")
    return notes


DEPLOYMENT = View(("host", "outcome", "generation", "copied", "time"), _row, _state, _notes)


# Ansible has printed the whole failure already; here it is enough to recognise it.
LOG_LINES = 6


def summary(
    hosts: Sequence[HostRecord], width: int, seconds: float, *, whole: bool = True, options: str = ""
) -> list[Line]:
    """Return the closing report of a run that took ``seconds``; another of the same fleet takes ``options``.

    ``whole`` says that nothing has told yet why hosts failed; else their failures are named, and no more.
    """
    if not hosts:
        return []
    view = view_of(hosts)
    states = [view.state(host) for host in hosts]
    header, *rows = aligned([view.header, *(view.row(host) for host in hosts)], width)
    lines = [Line(header)]
    alike = by_failure(hosts)
    for host, state, row in zip(hosts, states, rows, strict=True):
        lines += [Line(line, state.meaning) for line in row.split("\n")]
        for text in view.notes(host):
            lines += note(text, width, "plain" if state.meaning == "ok" else "changed")
        if host.failure is not None and host.host == alike[host.failure][0]:
            lines += (
                why(host.failure, width, state.meaning) if whole else note(host.failure.headline, width, state.meaning)
            )
            if others := alike[host.failure][1:]:
                lines += note(f"the same: {', '.join(others)}", width)
    for command in undo_commands(hosts, options):
        lines += [Line(""), Line(f"undo: {command}")]
    meanings = {state.meaning for state in states}
    worst: Meaning = next((each for each in _WORST_FIRST if each in meanings), "ok")
    return [*lines, Line(""), Line(closing(states, seconds), worst)]


def view_of(hosts: Sequence[HostRecord]) -> View:
    """Return the view for what the run did: it only looked where no host got further than a failure."""
    looked = any(host.facts is not None for host in hosts)
    only = all(host.outcome in (None, "failed", "unreachable", INTERRUPTED) for host in hosts)
    return STATUS if looked and only else DEPLOYMENT


def undo_commands(hosts: Iterable[HostRecord], options: str = "") -> list[str]:
    """Return the command that takes back what the run has done, where a host has something to go back to: one for each run."""
    runs = dict.fromkeys(
        host.run for host in hosts if host.run and host.activated and host.generation_before is not None
    )
    return [f"ansible-playbook nix.fleet.rollback -e rollback_to=before:{run}{options}" for run in runs]


def closing(states: Sequence[State], seconds: float) -> str:
    """Return the run in one line: ``7 hosts: 5 activated, 1 unchanged, 1 failed (45 s)``."""
    counts = collections.Counter(state.text for state in states)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    noun = "host" if len(states) == 1 else "hosts"
    return f"{len(states)} {noun}: {outcomes} ({duration(seconds)})"


def why(failure: Failure, width: int, meaning: Meaning, *, log_lines: int = LOG_LINES) -> list[Line]:
    """Return why a host failed, to stand below its line, and what to do about it."""
    lines = note(failure.headline, width, meaning)
    if failure.origin:
        lines += note(f"at {failure.origin}", width)
    details = [line for line in failure.details.rstrip().splitlines() if line.strip()][-log_lines:]
    if failure.log:
        lines += wrapped_log(details, width, indent="      ")
    else:
        lines += [part for line in details for part in note(line, width, indent="      ")]
    if failure.advice:
        lines += note(f"next: {failure.advice}", width)
    return lines
