# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as a page says what machines said, and does nothing that they said."""

from __future__ import annotations

import datetime
import html.parser
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.report.page import page
from ansible_collections.nix.fleet.plugins.plugin_utils.report.records import Failure, HostRecord
from ansible_collections.nix.fleet.plugins.plugin_utils.report.run import Run

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


def host(name: str, **fields: t.Any) -> HostRecord:
    return HostRecord(name, started=0.0, ended=1.0, **fields)


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


def test_a_run_without_hosts_says_so() -> None:
    assert any("no host took part" in text for text in read().text)
