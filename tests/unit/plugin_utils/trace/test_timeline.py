# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page with a run's timeline."""

from __future__ import annotations

import datetime
import html.parser
import re
import typing as t

from ansible_collections.nix.fleet.plugins.plugin_utils.report.run import Run
from ansible_collections.nix.fleet.plugins.plugin_utils.trace import timeline as module
from ansible_collections.nix.fleet.plugins.plugin_utils.trace.rows import rows
from ansible_collections.nix.fleet.plugins.plugin_utils.trace.slice import Slice
from ansible_collections.nix.fleet.plugins.plugin_utils.trace.timeline import timeline

if t.TYPE_CHECKING:
    import pytest

RUN = Run("id", ("deploy.yml",), datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc), 10.0)
HOSTILE = "<script>alert(1)</script>\"' onclick=x $title"


class Page(html.parser.HTMLParser):
    """Collects what a page consists of, and whether all that is opened is closed."""

    VOID = ("meta", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def bars(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == "i" and "title" in attributes]


def page(*stages: Slice, activities: t.Sequence[Slice] = (), host: str = "web", run: Run = RUN) -> Page:
    return Page(timeline(run, 100.0, rows({host: stages}, {host: activities})))


def test_a_bar_is_where_and_as_long_as_its_time() -> None:
    (block,) = page(Slice("build", "build", 102.5, 105.0, {"status": "ok", "result": "built x"})).bars
    assert block["style"] == "left:25.0000%;width:25.0000%"
    assert block["title"] == "build: 2.50 s, from 2.5 s on\nstatus: ok\nresult: built x"


def test_what_failed_is_marked() -> None:
    (block,) = page(Slice("build", "build", 102.5, 105.0, {"status": "failed", "cause": "no room"})).bars
    assert block["class"] == "build failed"


def test_whatever_names_say_they_are_only_text() -> None:
    shown = page(Slice(HOSTILE, "task", 101, 102, {"cause": HOSTILE}), host=HOSTILE)
    assert [tag for tag, _attributes in shown.elements].count("script") == 1
    assert not any(name.startswith("on") for _tag, attributes in shown.elements for name in attributes)
    assert HOSTILE in "".join(shown.texts)


def test_it_needs_nothing_from_anywhere_else() -> None:
    shown = page(Slice("build", "build", 101, 102))
    assert not any({"src", "href", "action"} & attributes.keys() for _tag, attributes in shown.elements)
    (policy,) = (each["content"] for tag, each in shown.elements if tag == "meta" and each.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    assert not re.search(r"url\(|@import|https?://", " ".join(shown.texts))


def test_of_very_many_activities_the_longest_are_shown_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SHOWN", 2)
    activities = [Slice(f"copy {n}", "nix-copy", 101 + n, 101 + n + n / 10, {}, n) for n in range(1, 6)]
    shown = page(Slice("copy", "copy", 100, 110), activities=activities)
    titles = [str(block["title"]).partition(":")[0] for block in shown.bars]
    assert titles == ["copy", "copy 4", "copy 5"]
    assert "3 of Nix's activities, of 0.3 s and less, are not shown." in shown.texts


def test_a_run_without_hosts_has_a_page_too() -> None:
    assert Page(timeline(RUN, 100.0, ())).bars == []


def test_marks_of_the_axis_are_round_and_more_of_them_come_with_zoom() -> None:
    marks = [
        (each["data-zoom"], "hidden" in each) for tag, each in page(Slice("x", "task", 101, 102)).elements if tag == "u"
    ]
    assert [zoom for zoom, hidden in marks if not hidden] == ["1"] * 11
    assert {"2", "32"} <= {zoom for zoom, hidden in marks if hidden} <= {"2", "4", "8", "16", "32"}
