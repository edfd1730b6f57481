# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a run ended, as a page of HTML that needs nothing else: no script, no font, no other server."""

from __future__ import annotations

import html
import typing as t

from ..nix.closure_diff import ClosureDiff
from ..terminal import harmless, harmless_line
from .alike import by_failure
from .summary import closing, view_of

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .records import Failure, HostRecord
    from .run import Run
    from .view import View, Word

# What matters most first, as in Markdown.
_ORDER = {"failed": 0, "unreachable": 1, "changed": 2}
# Nothing of it is fetched, so that a page can be sent and kept; the policy says so to the browser too.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ border-bottom: 1px solid #8884; padding: .35rem .75rem .35rem 0; text-align: left; vertical-align: top; }}
td:nth-child(2) {{ font-weight: 600; }}
.ok td:nth-child(2) {{ color: #2a8a3e; }}
.changed td:nth-child(2) {{ color: #b07a00; }}
.failed td:nth-child(2), .unreachable td:nth-child(2) {{ color: #cc3333; }}
tr.more td {{ border-bottom: 0; padding-left: 1.5rem; }}
pre {{ background: #8881; margin: .25rem 0; overflow: auto; padding: .5rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{closing}; {started}</p>
{body}
</body>
</html>
"""


def page(run: Run, hosts: Sequence[HostRecord]) -> str:
    """Return the report as a page."""
    title = _text(", ".join(run.playbooks) + (" (check mode)" if run.check_mode else ""))
    started = _text(f"{run.started:%Y-%m-%d %H:%M:%S} UTC")
    if not hosts:
        return _PAGE.format(title=title, closing="no host took part", started=started, body="")
    view = view_of(hosts)
    words = {host.host: view.word(host) for host in hosts}
    told = _text(closing(list(words.values()), run.seconds))
    hosts = sorted(hosts, key=lambda host: _ORDER.get(words[host.host].meaning, 3))
    head = "".join(f"<th>{_text(name)}</th>" for name in view.header)
    alike = by_failure(hosts)
    rows = "\n".join(_host(host, view, words[host.host], alike) for host in hosts)
    return _PAGE.format(
        title=title,
        closing=told,
        started=started,
        body=f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>",
    )


def _host(host: HostRecord, view: View, word: Word, alike: Mapping[Failure, Sequence[str]]) -> str:
    cells = "".join(f"<td>{_text(cell)}</td>" for cell in view.row(host))
    more = "".join(f"<div>{_text(note)}</div>" for note in view.notes(host)) + _why(host, alike) + _packages(host)
    below = f'\n<tr class="more"><td colspan="{len(view.header)}">{more}</td></tr>' if more else ""
    return f'<tr class="{word.meaning}">{cells}</tr>{below}'


def _why(host: HostRecord, alike: Mapping[Failure, Sequence[str]]) -> str:
    failure = host.failure
    if failure is None:
        return ""
    first = alike[failure][0]
    if host.host != first:
        return f"<div><strong>{_text(f'as {first}: {failure.headline}')}</strong></div>"
    log = failure.details.strip("\n")
    return (
        f"<div><strong>{_text(failure.headline)}</strong></div>"
        + (f"<pre>{html.escape(harmless(log))}</pre>" if log else "")
        + (f"<div>next: {_text(failure.advice)}</div>" if failure.advice else "")
    )


def _packages(host: HostRecord) -> str:
    if not host.difference:
        return ""
    text = ClosureDiff.from_result(host.difference).text
    return f"<pre>{html.escape(harmless(text))}</pre>" if text else ""


def _text(text: str) -> str:
    return html.escape(harmless_line(text))
