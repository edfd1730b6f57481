# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is over, written to the files that were asked for: Markdown, a page of HTML, JSON and the trace.

A forge acts on what it finds in a comment: it notifies whoever is named with an @, links numbers and addresses, shows
images, and GitLab even obeys lines that begin with a slash. What a machine says stands as code, where forges look for
nothing, with each punctuation mark as a character reference, which Markdown never takes for its own. The page needs
nothing else: no script, no font, no other server."""

from __future__ import annotations

import errno
import json
import os
import re
import typing as t
from pathlib import Path

import jinja2

from ..core.private_directory import replace_file
from ..core.text import harmless, harmless_line
from ..nix.closure_diff import ClosureDiff
from .json_report import document
from .nix_activities import read_notes
from .records import by_failure
from .summary import closing, undo_commands, view_of
from .table import cut
from .trace import chrome_trace, rows, task_slices

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..run_state.run_state import RunState
    from .events import TaskEvent
    from .json_report import Run
    from .records import HostRecord
    from .summary import State, View

# What GitHub takes for a comment is 65,536 characters; counted in bytes, so that nobody's count is larger.
MOST_BYTES = 65_000
# Room for what says that something is missing.
_RESERVED = 200
_NAME_CHARACTERS = 80
# What matters most first.
_ORDER = {"failed": 0, "unreachable": 1, "changed": 2}
_SIGNS = {"added": "+", "removed": "-"}
# Words and numbers, which mean nothing to Markdown or a forge.
_PROSE = re.compile(r"(?:[A-Za-z]+|[0-9]{1,6}(?:\.[0-9]+)?|→|-)(?: (?:[A-Za-z]+|[0-9]{1,6}(?:\.[0-9]+)?|→|-))*")
# All of ASCII's but the comma and the hyphen, which mean something at the beginning of a line alone.
_PUNCTUATION = re.compile(r"[!-+./:-@\[-`{-~]")


def page(run: Run, hosts: Sequence[HostRecord]) -> str:
    """Return the report as a page."""
    view, states, hosts = _ordered(hosts)
    return _template("report.html.j2", escape=True).render(
        title=", ".join(run.playbooks) + (" (check mode)" if run.check_mode else ""),
        started=f"{run.started:%Y-%m-%d %H:%M:%S} UTC",
        closing=closing(list(states.values()), run.seconds) if hosts else "no host took part",
        hosts=hosts,
        view=view,
        states=states,
        alike=by_failure(hosts),
    )


def markdown(run: Run, hosts: Sequence[HostRecord]) -> str:
    """Return the report: what matters most first, and no more of it than a comment may have."""
    parts: t.Any = _template("report.md.j2", escape=False).module
    if not hosts:
        return f"{parts.head(run, 'no host took part')}\n"
    view, states, hosts = _ordered(hosts)
    bad = {name for name, state in states.items() if state.meaning in ("failed", "unreachable")}
    rows = [parts.host(list(view.row(host)), host.host in bad) for host in hosts]
    shown = _fitting(rows, MOST_BYTES // 2)
    table = parts.table(list(view.header), shown, len(rows) - len(shown))
    head = f"{parts.head(run, closing(list(states.values()), run.seconds))}\n\n{table}"
    rest = list(_parts(parts, run, hosts, view))
    kept = _fitting(rest, MOST_BYTES - len(head.encode()) - _RESERVED)
    missing = [parts.missing(len(rest) - len(kept))] if len(kept) < len(rest) else []
    return "\n\n".join([head, *kept, *missing]) + "\n"


def code(text: str) -> str:
    """Return ``text`` as code within a line of Markdown."""
    return f"<code>{references(harmless_line(text))}</code>" if text else ""


def cell(text: str) -> str:
    """Return ``text`` for a table in Markdown: words and numbers as they are, anything else as code."""
    return text if _PROSE.fullmatch(text) else code(text)


def references(text: str) -> str:
    """Return ``text`` with its punctuation as character references."""
    return _PUNCTUATION.sub(lambda found: f"&#{ord(found.group())};", harmless(text))


def _template(name: str, *, escape: bool) -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=escape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        line=harmless_line, lines=harmless, code=code, cell=cell, references=references, name=_name, packages=_packages
    )
    return environment.from_string(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def _name(text: str) -> str:
    return code(cut(text, _NAME_CHARACTERS))


def _packages(difference: Mapping[str, t.Any]) -> str:
    return ClosureDiff.from_result(difference).text


def _ordered(hosts: Sequence[HostRecord]) -> tuple[View, Mapping[str, State], Sequence[HostRecord]]:
    view = view_of(hosts)
    states = {host.host: view.state(host) for host in hosts}
    return view, states, sorted(hosts, key=lambda host: _ORDER.get(states[host.host].meaning, 3))


def _parts(parts: t.Any, run: Run, hosts: Sequence[HostRecord], view: View) -> Iterator[str]:
    """Yield what stands below the table."""
    outcomes = {host.host: host.outcome for host in hosts}
    for failure, names in by_failure(hosts).items():
        yield parts.failure(names, failure, outcomes[names[0]])
    if lines := [(host.host, note) for host in hosts for note in view.notes(host)]:
        yield parts.notes(lines).rstrip("\n")
    for names, difference in _differences(hosts):
        changes = [f"{_SIGNS.get(package.kind, '!')} {package.text}" for package in difference.packages]
        rebuilt = [f"! {difference.rebuilt_text}"] if difference.rebuilt else []
        yield parts.packages(names, difference, [*changes, *rebuilt])
    for command in undo_commands(hosts, run.fleet_options):
        yield parts.undo(command)


def _differences(hosts: Iterable[HostRecord]) -> Iterator[tuple[list[str], ClosureDiff]]:
    """Yield what changes, each with the hosts for which it does."""
    alike: dict[str, list[str]] = {}
    for host in hosts:
        if host.difference:
            alike.setdefault(json.dumps(host.difference, sort_keys=True), []).append(host.host)
    for difference, names in alike.items():
        yield names, ClosureDiff.from_result(json.loads(difference))


def _fitting(parts: Iterable[str], room: int) -> list[str]:
    """Return those of ``parts`` that there is room for, in bytes, each with what parts it from the next."""
    kept = []
    for part in parts:
        if (needed := len(part.encode()) + 2) <= room:
            kept.append(part)
            room -= needed
    return kept


def write(path: Path, text: str) -> None:
    """Make ``text`` the content of ``path``, so that nobody ever reads half of it.

    A report may hold what programs have printed: the file is for its owner alone. What is no file, such as
    /dev/stdout, is written to as it is. What is no character, as a program may have printed it, is a question mark.
    """
    text = text.encode(errors="replace").decode()
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
    else:
        replace_file(path, text)


def remove_earlier(path: Path) -> None:
    """See to it that a run that does not get to its end leaves no report, instead of an earlier run's.

    Raises ``OSError`` where none could be written.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.is_file() or not path.exists():
        replace_file(path, "")
        path.unlink()


def rendered(
    form: str, run: Run, hosts: Sequence[HostRecord], events: Sequence[TaskEvent], began: float, state: RunState
) -> str:
    """Return a run that is over in a form: ``json``, ``markdown``, ``html`` or ``trace``.

    ``events`` are in their order, ``began`` is the run's start on their clock, and ``state`` has what tasks add to a trace.
    """
    if form == "markdown":
        return markdown(run, hosts)
    if form == "html":
        return page(run, hosts)
    if form == "json":
        return json.dumps(document(run, hosts, events), indent=2, default=str) + "\n"
    return json.dumps(chrome_trace(run, began, rows(task_slices(events), read_notes(state))), default=str) + "\n"
