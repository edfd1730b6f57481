# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ended, on a screen: a row a host, why the failed ones failed, and one line for all of them."""

from __future__ import annotations

import collections
import typing as t

from .quantities import duration, size
from .table import Line, Meaning, aligned, cut, indented

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .records import Failure, HostRecord

HEADER = ("host", "outcome", "generation", "copied", "time")
# Ansible has printed the whole failure already; here it is enough to recognise it.
LOG_LINES = 6
NOTHING = "-"

_MEANINGS: dict[str, Meaning] = {
    "unchanged": "ok",
    "confirmed": "changed",
    "activated": "changed",
    "built": "changed",
    "copied": "changed",
    "would change": "changed",
    "recovered": "changed",
    "unreachable": "unreachable",
}


def summary(hosts: Sequence[HostRecord], width: int, seconds: float) -> list[Line]:
    """Return the closing report of a run that took ``seconds``."""
    if not hosts:
        return []
    header, *rows = aligned([HEADER, *(_row(host) for host in hosts)], width)
    lines = [Line(header, "aside")]
    for host, row in zip(hosts, rows, strict=True):
        lines.append(Line(row, _meaning(host)))
        lines += _notes(host, width)
    return [*lines, Line(""), Line(closing(hosts, seconds), _worst(hosts))]


def closing(hosts: Sequence[HostRecord], seconds: float) -> str:
    """Return the run in one line: ``7 hosts: 5 activated, 1 unchanged, 1 failed (45 s)``."""
    counts = collections.Counter(host.outcome or "inspected" for host in hosts)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    noun = "host" if len(hosts) == 1 else "hosts"
    return f"{len(hosts)} {noun}: {outcomes} ({duration(seconds)})"


def _row(host: HostRecord) -> tuple[str, ...]:
    return (
        host.host,
        host.outcome or "inspected",
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


def _meaning(host: HostRecord) -> Meaning:
    if host.failure is not None and host.outcome != "unreachable":
        return "failed"
    return _MEANINGS.get(host.outcome or "", "plain")


def _worst(hosts: Sequence[HostRecord]) -> Meaning:
    meanings = {_meaning(host) for host in hosts}
    order: tuple[Meaning, ...] = ("failed", "unreachable", "changed")
    return next((meaning for meaning in order if meaning in meanings), "ok")


def _notes(host: HostRecord, width: int) -> list[Line]:
    lines = []
    if host.reboot_required:
        lines += _note("reboot to run the new kernel", width, "changed")
    if host.units_failed and host.failure is None:
        lines += _note(f"failed units: {', '.join(host.units_failed)}", width, "changed")
    if host.failure is not None:
        lines += _why(host.failure, width)
    return lines


def _why(failure: Failure, width: int) -> list[Line]:
    # The first line says it; what follows in a foreign module's message is its log.
    cause, _, rest = failure.cause.partition("\n")
    stage = f"{failure.stage}: " if failure.stage else ""
    log = (failure.log or rest).rstrip().splitlines()[-LOG_LINES:]
    lines = _note(f"{stage}{cause}", width, "failed")
    lines += [Line(cut(f"      {line}".rstrip(), width), "aside") for line in log]
    if failure.advice:
        lines += _note(f"next: {failure.advice}", width, "plain")
    return lines


def _note(text: str, width: int, meaning: Meaning) -> list[Line]:
    return [Line(line, meaning) for line in indented(text, width, first="    ", rest="      ")]
