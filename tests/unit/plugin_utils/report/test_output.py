# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run written to files, as Markdown and as a page: whole or not at all, and with the reason that a failure had."""

from __future__ import annotations

import datetime
import html
import html.parser
import json
import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import failure, parse_answer
from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import Failure, TaskEvent
from ansible_collections.nix.fleet.plugins.plugin_utils.report.json_report import Run, document
from ansible_collections.nix.fleet.plugins.plugin_utils.report.output import (
    MOST_BYTES,
    markdown,
    page,
    remove_earlier,
    write,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.report.records import HostRecord, records
from ansible_collections.nix.fleet.plugins.plugin_utils.report.summary import summary

WHY = "Existing file '/home/alice/.profile' would be clobbered"
BACK = [f"log=on the way back {number}" for number in range(100)]
ANSWER = parse_answer(
    "\n".join(
        [
            "outcome=rolled_back",
            f"cause=activation ended with exit code 1: {WHY}",
            "step_log=Activating checkLinkTargets",
            f"step_log={WHY}",
            "log=== platform_activate",
            f"log={WHY}",
            "log=== way_back_restore_profile",
            *BACK,
        ]
    )
)
EVENTS = [
    TaskEvent("desk", "nix_activate", "started", 0.0),
    TaskEvent("desk", "nix_activate", "failed", 1.0, failure("x", ANSWER).to_result(), task="Activate"),
]
STARTED = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc)
RUN = Run("run", ("deploy.yml",), STARTED, 1.0)


@pytest.mark.parametrize("form", ["table", "markdown", "json", "page"])
def test_the_words_of_the_failed_step_are_shown_and_the_way_back_is_not(form: str) -> None:
    hosts = records(EVENTS)
    text = {
        "table": lambda: "\n".join(line.text for line in summary(hosts, 120, 1.0)),
        "markdown": lambda: markdown(RUN, hosts),
        "json": lambda: json.dumps(document(RUN, hosts, EVENTS)),
        "page": lambda: page(RUN, hosts),
    }[form]()
    assert html.unescape(text).count(WHY) >= 2
    assert "way back" not in text
    assert "way_back" not in text


def test_a_report_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write(tmp_path / "report.json", "{}\n")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_new_report_takes_the_place_of_the_old_one_and_not_of_what_that_led_to(tmp_path: Path) -> None:
    (tmp_path / "important").write_text("keep me")
    (tmp_path / "report.json").symlink_to("important")
    write(tmp_path / "report.json", "{}\n")
    assert (tmp_path / "important").read_text() == "keep me"
    assert (tmp_path / "report.json").read_text() == "{}\n"


def test_what_is_no_character_keeps_no_report_from_being_written(tmp_path: Path) -> None:
    write(tmp_path / "report.json", "caf\udce9 é\n")
    assert (tmp_path / "report.json").read_text(encoding="utf-8") == "caf? é\n"


def test_a_report_may_go_to_what_is_no_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        remove_earlier(pipe)
        write(pipe, "{}\n")
        assert os.read(reader, 100) == b"{}\n"
    finally:
        os.close(reader)


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
    return markdown(Run("run", fields.pop("playbooks", ("deploy.yml",)), STARTED, 45.0, **fields), hosts)


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
