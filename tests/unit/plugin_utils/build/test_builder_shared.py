# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One answer for all hosts of a run."""

from __future__ import annotations

import os
import time
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.build.builder_shared import shared

if t.TYPE_CHECKING:
    from pathlib import Path


def counting(log: Path) -> t.Callable[[], list[str]]:
    def find() -> list[str]:
        with log.open("a") as file:
            file.write("asked\n")
        time.sleep(0.05)
        return ["answer"]

    return find


def test_many_processes_ask_once(tmp_path: Path) -> None:
    children = []
    for _number in range(6):
        child = os.fork()
        if not child:
            found = shared(tmp_path / "kept", counting(tmp_path / "log"), seconds=60)
            os._exit(0 if found == ["answer"] else 1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    assert (tmp_path / "log").read_text() == "asked\n"


def test_an_answer_grows_old(tmp_path: Path) -> None:
    for _turn in range(2):
        assert shared(tmp_path / "kept", counting(tmp_path / "log"), seconds=0) == ["answer"]
    assert (tmp_path / "log").read_text() == "asked\n" * 2


def test_an_error_is_nobodys_answer(tmp_path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        shared(tmp_path / "kept", fail, seconds=60)
    assert shared(tmp_path / "kept", counting(tmp_path / "log"), seconds=60) == ["answer"]
