# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The view of a run that built, copied or activated something."""

from __future__ import annotations

import typing as t

from ..core.quantities import duration, size
from .records import COLLECTED, MOVED, PUSHED, WOULD_CHANGE, WOULD_COLLECT, WOULD_MOVE, WOULD_PUSH, WRITTEN
from .view import NOTHING, View, Word

if t.TYPE_CHECKING:
    from .records import HostRecord
    from .table import Meaning

_NOTED = (None, "unchanged", COLLECTED, WOULD_COLLECT, PUSHED, WOULD_PUSH, MOVED, WOULD_MOVE, WRITTEN, WOULD_CHANGE)
_MEANINGS: dict[str, Meaning] = {"unchanged": "ok", "evaluated": "ok", "unreachable": "unreachable"}


def _row(host: HostRecord) -> tuple[str, ...]:
    return (
        host.host,
        _word(host).text,
        generations(host),
        NOTHING if host.copied_bytes is None else size(host.copied_bytes),
        duration(host.seconds),
    )


def generations(host: HostRecord) -> str:
    """Return the profile's generation from → to, or the one it stays at."""
    before, after = host.generation_before, host.generation_after
    if after is None or before == after:
        return NOTHING if before is None else str(before)
    return f"{NOTHING if before is None else before} → {after}"


def _word(host: HostRecord) -> Word:
    if host.outcome is None:
        return Word("looked at" if host.looked_at else "nothing done", "ok")
    if host.failure is not None and host.outcome != "unreachable":
        return Word(host.outcome, "failed")
    return Word(host.outcome, _MEANINGS.get(host.outcome, "changed"))


def _notes(host: HostRecord) -> list[str]:
    notes = [host.note] if host.note and host.outcome in _NOTED else []
    if host.undone and host.outcome != "undone":
        notes.append("what this run did was undone")
    if host.down_seconds is not None:
        notes.append(f"rebooted, and up again after {duration(host.down_seconds)}")
    if host.reboot_required:
        notes.append("only a reboot brings all of it into use")
    if host.units_failed and host.failure is None:
        notes.append(f"failed units: {', '.join(host.units_failed)}")
    return notes


DEPLOYMENT = View(("host", "outcome", "generation", "copied", "time"), _row, _word, _notes)
