# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ended, in Markdown: for a pull request's comment or a job's summary."""

from __future__ import annotations

import json
import typing as t

from ..nix.closure_diff import ClosureDiff
from .alike import by_failure
from .markup import cell, code, differences, folded, preformatted, row
from .records import DONE
from .summary import closing, view_of
from .table import cut

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .records import Failure, HostRecord
    from .run import Run
    from .view import View, Word

# By which whoever writes comments finds the one to write anew.
MARK = "<!-- nix.fleet -->"
# What GitHub takes for a comment is 65,536 characters; counted in bytes, so that nobody's count is larger.
MOST_BYTES = 65_000
# Room for what says that something is missing.
_RESERVED = 200
_NAME_CHARACTERS = 80
_LOG_CHARACTERS = 4_000
_DIFFERENCE_LINES = 150
_NAMED_HOSTS = 5

_ORDER = {"failed": 0, "unreachable": 1, "changed": 2}
_SIGNS = {"added": "+", "removed": "-"}


def markdown(run: Run, hosts: Sequence[HostRecord]) -> str:
    """Return the report: what matters most first, and no more of it than a comment may have."""
    if not hosts:
        return f"{MARK}\n{_title(run)}: no host took part\n"
    view = view_of(hosts)
    words = {host.host: view.word(host) for host in hosts}
    hosts = sorted(hosts, key=lambda host: _ORDER.get(words[host.host].meaning, 3))
    head = f"{MARK}\n{_title(run)}: {closing(list(words.values()), run.seconds)}"
    table = _table(view.header, [_cells(view.row(host), words[host.host]) for host in hosts])
    return _within(
        f"{head}\n\n{table}", [*_failures(hosts), *_notes(hosts, view), *_packages(hosts), *_way_back(hosts)]
    )


def _title(run: Run) -> str:
    names = ", ".join(code(cut(name, _NAME_CHARACTERS)) for name in run.playbooks)
    return f"#### {names}{' (check mode)' if run.check_mode else ''}"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = _fitting([row(cells) for cells in rows], MOST_BYTES // 2)
    more = f"\n\nand {len(rows) - len(lines)} more hosts" if len(lines) < len(rows) else ""
    return "\n".join([row(header), row(("---",) * len(header)), *lines]) + more


def _cells(cells: tuple[str, ...], word: Word) -> tuple[str, ...]:
    name, outcome, *rest = cells
    shown = cell(outcome)
    shown = f"**{shown}**" if word.meaning in ("failed", "unreachable") else shown
    return (code(cut(name, _NAME_CHARACTERS)), shown, *map(cell, rest))


def _failures(hosts: Sequence[HostRecord]) -> list[str]:
    outcomes = {host.host: host.outcome for host in hosts}
    return [_why(names, failure, outcomes[names[0]]) for failure, names in by_failure(hosts).items()]


def _why(names: Sequence[str], failure: Failure, outcome: str | None) -> str:
    title = f"{_named(names)} <b>{cell(failure.stage or outcome or 'failed')}</b>: {code(failure.first_line[:500])}"
    log = failure.details.strip("\n")
    body = [preformatted(log[-_LOG_CHARACTERS:])] if log else []
    if failure.advice:
        body.append(f"next: {code(failure.advice)}")
    return folded(title, "\n\n".join(body) or "It said nothing more.")


def _notes(hosts: Iterable[HostRecord], view: View) -> list[str]:
    lines = [f"- {code(host.host)}: {code(note)}" for host in hosts for note in view.notes(host)]
    return ["\n".join(lines)] if lines else []


def _packages(hosts: Iterable[HostRecord]) -> list[str]:
    """Return what changes; hosts for which the same does are named together."""
    alike: dict[str, list[str]] = {}
    for host in hosts:
        if host.difference:
            alike.setdefault(json.dumps(host.difference, sort_keys=True), []).append(host.host)
    return [_difference(json.loads(difference), names) for difference, names in alike.items()]


def _difference(result: Mapping[str, t.Any], names: Sequence[str]) -> str:
    difference = ClosureDiff.from_result(result)
    lines = [f"{_SIGNS.get(package.kind, '!')} {package.text}" for package in difference.packages]
    if difference.rebuilt:
        lines.append(f"! {difference.rebuilt_text}")
    closure = difference.closure_text
    if len(lines) > _DIFFERENCE_LINES:
        closure = f"and {len(lines) - _DIFFERENCE_LINES} more; {closure}"
    count = len(difference.packages)
    counted = f"{count} {'package' if count == 1 else 'packages'}" if count else "no package of another version"
    title = f"{_named(names)}: {counted}"
    body = [differences(lines[:_DIFFERENCE_LINES])] if lines else []
    return folded(title, "\n\n".join([*body, code(closure)]))


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED_HOSTS} more" if len(names) > _NAMED_HOSTS else ""
    return ", ".join(map(code, names[:_NAMED_HOSTS])) + more


def _way_back(hosts: Iterable[HostRecord]) -> list[str]:
    runs = {host.run for host in hosts if host.run and host.outcome in DONE}
    return [f"undo: {code(f'ansible-playbook nix.fleet.rollback -e rollback_to=before:{run}')}" for run in runs]


def _within(head: str, parts: Sequence[str]) -> str:
    """Return ``head`` and as many of ``parts`` as a comment has room for."""
    kept = _fitting(parts, MOST_BYTES - len(head.encode()) - _RESERVED)
    if missing := len(parts) - len(kept):
        noun = "part of this report is" if missing == 1 else "parts of this report are"
        kept.append(f"{missing} {noun} too long for a comment; the job's log has all of it.")
    return "\n\n".join([head, *kept]) + "\n"


def _fitting(parts: Iterable[str], room: int) -> list[str]:
    """Return those of ``parts`` that there is room for, in bytes, each with what parts it from the next."""
    kept = []
    for part in parts:
        if (needed := len(part.encode()) + 2) <= room:
            kept.append(part)
            room -= needed
    return kept
