# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as Markdown and as a page."""

from __future__ import annotations

import datetime
import html
import html.parser
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import Failure
from ansible_collections.nix.fleet.plugins.plugin_utils.report.json_report import Run
from ansible_collections.nix.fleet.plugins.plugin_utils.report.output import (
    MOST_BYTES,
    markdown,
    page,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.report.records import HostRecord

MISCHIEF = (
    "@everyone #1 :tada: [here](https://evil.example) ![](https://evil.example/x.png) | `a` *b* <script>x</script> "
    "</code></pre></details> <!-- --> www.evil.example \n/close\n~~~\n"
)


def host(name: str, outcome: str | None = "activated", **fields: t.Any) -> HostRecord:
    return HostRecord(name, started=0.0, ended=1.0, outcome=outcome, **fields)


def difference(*packages: tuple[str, str], rebuilt: tuple[str, ...] = ()) -> dict[str, t.Any]:
    return {
        "packages": [
            {"name": name, "kind": kind, "before": ["1"], "after": ["2"], "bytes": 0} for name, kind in packages
        ],
        "rebuilt": list(rebuilt),
        **dict.fromkeys(("bytes", "bytes_before", "bytes_after", "paths_before", "paths_after"), 1),
    }


def text(*hosts: HostRecord, **fields: t.Any) -> str:
    started = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)
    return markdown(Run("run", fields.pop("playbooks", ("deploy.yml",)), started, 45.0, **fields), hosts)


def test_it_begins_with_what_finds_it_again_and_how_it_went() -> None:
    lines = text(host("web"), host("db", "unchanged")).splitlines()
    assert lines[0] == "<!-- nix.fleet -->"
    assert lines[1].endswith(": 2 hosts: 1 activated, 1 unchanged (45 s)")


def test_failed_hosts_come_first_and_their_reasons_are_folded() -> None:
    report = text(
        host("a"), host("web", "failed", failure=Failure("it broke", "build", "line one\nline two", "mend it"))
    )
    rows = [line for line in report.splitlines() if line.startswith("| <code>")]
    assert rows[0].startswith("| <code>web</code> | **failed** |")
    assert "<details><summary><code>web</code> <b>build</b>: <code>it broke</code></summary>" in report
    assert "<pre>line one\nline two</pre>" in report
    assert "next: <code>mend it</code>" in report


@pytest.mark.parametrize("place", ["name", "cause", "log", "advice", "task", "package", "unit"])
def test_nothing_that_a_machine_says_is_an_order_to_the_forge(place: str) -> None:
    said = dict.fromkeys(("name", "cause", "log", "advice", "task", "package", "unit"), "words") | {place: MISCHIEF}
    failure = Failure(said["cause"], "build", said["log"], said["advice"])
    report = text(
        host(said["name"], "failed", failure=failure, difference=difference((said["package"], "added"))),
        host("b", units_failed=(said["unit"],)),
        playbooks=(said["task"],),
    )
    before, _fence, rest = report.partition("\n~~~diff\n")
    outside = before + rest.partition("\n~~~\n")[2]
    for order in ("@everyone", "](", "<script", "/close", "`", "www."):
        assert order not in outside
    assert outside.count("</details>") == outside.count("<details>")
    assert not any(line.startswith("/") for line in report.splitlines())
    assert [line for line in report.splitlines() if line.startswith("~~~")] == ["~~~diff", "~~~"]


def test_it_is_never_longer_than_a_comment_may_be() -> None:
    failure = Failure("x" * 2000, "build", "ü" * 16_000, "y" * 2000)
    change = [difference(*((f"package-{number}-{each}", "added") for each in range(300))) for number in range(60)]
    hosts = [host(f"host-{number}", "failed", failure=failure, difference=change[number]) for number in range(60)]
    report = text(*hosts)
    assert len(report.encode()) <= MOST_BYTES
    assert "too long for a comment" in report
    assert report.count("<details>") == report.count("</details>")


STARTED = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)
HARMLESS = {"html", "head", "meta", "title", "style", "body", "h1", "p", "table", "thead", "tbody", "tr", "th", "td"}
HARMLESS |= {"div", "pre", "strong"}


class Reader(html.parser.HTMLParser):
    """Reads a page as a browser does."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: t.Any) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


def read(*hosts: HostRecord) -> Reader:
    return Reader(page(Run("run", ("status.yml",), STARTED, 2.0), hosts))


def test_each_host_is_a_row_and_what_failed_comes_first_with_its_reason() -> None:
    failed = host("db", outcome="failed", failure=Failure("no room", stage="copy", log="disk full", advice="make room"))
    told = read(host("web", outcome="confirmed", generation_before=1, generation_after=2), failed)
    words = [text for text in told.text if text.strip()]
    assert words.index("db") < words.index("web")
    assert {"copy: no room", "disk full", "next: make room", "1 → 2"} <= set(words)
    assert any("1 failed (2.0 s); 2026-01-31 12:00:00 UTC" in text for text in words)
    assert told.open == []


def test_a_reason_that_hosts_share_stands_below_the_first_with_its_log_and_is_named_below_the_others() -> None:
    broken = Failure("no such attribute", "evaluation", log="line one")
    seen = " ".join(
        read(host("web", outcome="failed", failure=broken), host("db", outcome="failed", failure=broken)).text
    )
    assert seen.count("line one") == 1
    assert "as web: evaluation: no such attribute" in seen


@pytest.mark.parametrize(
    "mischief", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "</td></table><h1>", "&amp;"]
)
def test_what_a_machine_says_is_text(mischief: str) -> None:
    failure = Failure(mischief, stage=mischief, log=mischief, advice=mischief)
    told = read(host(mischief, outcome="failed", failure=failure), host("web", facts={"units_failed": [mischief]}))
    assert set(told.tags) <= HARMLESS
    assert mischief in told.text
    assert told.open == []
