# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ended, on a screen: a row a host, why the failed ones failed, and one line for all of them."""

from __future__ import annotations

import collections
import typing as t

from ..core.quantities import duration
from .alike import by_failure
from .deployment import DEPLOYMENT
from .records import DONE
from .status import STATUS
from .table import Line, Meaning, aligned, cut, indented

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .records import Failure, HostRecord
    from .view import View, Word

# Ansible has printed the whole failure already; here it is enough to recognise it.
LOG_LINES = 6


def summary(hosts: Sequence[HostRecord], width: int, seconds: float) -> list[Line]:
    """Return the closing report of a run that took ``seconds``."""
    if not hosts:
        return []
    view = view_of(hosts)
    words = [view.word(host) for host in hosts]
    header, *rows = aligned([view.header, *(view.row(host) for host in hosts)], width)
    lines = [Line(header, "aside")]
    alike = by_failure(hosts)
    for host, word, row in zip(hosts, words, rows, strict=True):
        lines.append(Line(row, word.meaning))
        for note in view.notes(host):
            lines += _note(note, width, "changed")
        if host.failure is not None and host.host == alike[host.failure][0]:
            lines += why(host.failure, width, word.meaning)
            if others := alike[host.failure][1:]:
                lines += _note(f"the same: {', '.join(others)}", width, "plain")
    return [*lines, *_way_back(hosts), Line(""), Line(closing(words, seconds), _worst(words))]


def view_of(hosts: Sequence[HostRecord]) -> View:
    """Return the view for what the run did: it only looked where no host got further than a failure."""
    looked = any(host.facts is not None for host in hosts)
    return STATUS if looked and all(host.outcome in (None, "failed", "unreachable") for host in hosts) else DEPLOYMENT


def _way_back(hosts: Sequence[HostRecord]) -> list[Line]:
    """Return how to take back what the run has done, if it has done anything."""
    runs = {host.run for host in hosts if host.run and host.outcome in DONE}
    command = "undo: ansible-playbook nix.fleet.rollback -e rollback_to=before"
    return [line for run in runs for line in (Line(""), Line(f"{command}:{run}", "aside"))]


def closing(words: Sequence[Word], seconds: float) -> str:
    """Return the run in one line: ``7 hosts: 5 activated, 1 unchanged, 1 failed (45 s)``."""
    counts = collections.Counter(word.text for word in words)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    noun = "host" if len(words) == 1 else "hosts"
    return f"{len(words)} {noun}: {outcomes} ({duration(seconds)})"


def _worst(words: Sequence[Word]) -> Meaning:
    meanings = {word.meaning for word in words}
    order: tuple[Meaning, ...] = ("failed", "unreachable", "changed")
    return next((meaning for meaning in order if meaning in meanings), "ok")


def why(failure: Failure, width: int, meaning: Meaning, *, log_lines: int = LOG_LINES) -> list[Line]:
    """Return why a host failed, to stand below its line, and what to do about it."""
    lines = _note(failure.headline, width, meaning)
    for line in [line for line in failure.details.rstrip().splitlines() if line.strip()][-log_lines:]:
        # A log is cut, and what a message says is not.
        whole = indented(line, width, first="      ", rest="        ")
        lines += [Line(part, "aside") for part in ([cut(f"      {line}".rstrip(), width)] if failure.log else whole)]
    if failure.advice:
        lines += _note(f"next: {failure.advice}", width, "plain")
    return lines


def _note(text: str, width: int, meaning: Meaning) -> list[Line]:
    return [Line(line, meaning) for line in indented(text, width, first="    ", rest="      ")]
