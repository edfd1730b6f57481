# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run written to files: whole or not at all, and with the reason that a failure had."""

from __future__ import annotations

import datetime
import html
import json
import os
import stat
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.activation.answer import failure, parse_answer
from ansible_collections.nix.fleet.plugins.plugin_utils.report.events import TaskEvent
from ansible_collections.nix.fleet.plugins.plugin_utils.report.json_report import Run, document
from ansible_collections.nix.fleet.plugins.plugin_utils.report.output import markdown, page, remove_earlier, write
from ansible_collections.nix.fleet.plugins.plugin_utils.report.records import records
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
RUN = Run("run", ("deploy.yml",), datetime.datetime(2026, 1, 31, tzinfo=datetime.timezone.utc), 1.0)


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
