# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a report is left."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.report.file import remove_earlier, write


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


def test_an_earlier_report_is_gone_when_a_run_begins(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("old")
    remove_earlier(tmp_path / "report.json")
    assert list(tmp_path.iterdir()) == []


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


def test_that_there_is_no_such_directory_is_found_when_the_run_begins(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        remove_earlier(tmp_path / "missing" / "report.json")
