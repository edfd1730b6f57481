# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ended, as a page of HTML that needs nothing else: no script, no font, no other server."""

from __future__ import annotations

import typing as t
from pathlib import Path

import jinja2

from ..core.terminal import harmless, harmless_line
from ..nix.closure_diff import ClosureDiff
from .alike import by_failure
from .summary import closing, view_of

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .records import Failure, HostRecord
    from .run import Run
    from .view import View, Word

TEMPLATE = Path(__file__).with_suffix(".html.j2")
# What matters most first, as in Markdown.
_ORDER = {"failed": 0, "unreachable": 1, "changed": 2}


def page(run: Run, hosts: Sequence[HostRecord]) -> str:
    """Return the report as a page."""
    view = view_of(hosts) if hosts else None
    words = {host.host: view.word(host) for host in hosts} if view else {}
    alike = by_failure(hosts)
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(line=harmless_line, lines=harmless)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=", ".join(run.playbooks) + (" (check mode)" if run.check_mode else ""),
        started=f"{run.started:%Y-%m-%d %H:%M:%S} UTC",
        closing=closing(list(words.values()), run.seconds) if words else "no host took part",
        header=view.header if view else (),
        rows=[
            _row(host, view, words[host.host], alike)
            for host in sorted(hosts, key=lambda host: _ORDER.get(words[host.host].meaning, 3))
            if view
        ],
    )


def _row(host: HostRecord, view: View, word: Word, alike: Mapping[Failure, Sequence[str]]) -> dict[str, t.Any]:
    first = alike[host.failure][0] if host.failure else None
    return {
        "meaning": word.meaning,
        "cells": view.row(host),
        "notes": view.notes(host),
        "failure": host.failure,
        "as_host": None if first == host.host else first,
        "packages": ClosureDiff.from_result(host.difference).text if host.difference else "",
    }
