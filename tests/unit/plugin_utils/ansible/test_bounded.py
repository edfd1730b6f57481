# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that answers late or without end is given up."""

from __future__ import annotations

import pathlib
import subprocess
import time

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible import bounded as limits
from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.bounded import bounded
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import NixError


def test_what_answers_in_time_is_let_alone() -> None:
    with bounded("vps-1", 60.0):
        assert subprocess.run(["echo", "fine"], capture_output=True, check=True).stdout == b"fine\n"


def test_what_does_not_answer_in_time_is_ended() -> None:
    began = time.monotonic()
    with pytest.raises(NixError, match=r"vps-1: nix: the machine did not answer within 0\.2 s"), bounded("vps-1", 0.2):
        subprocess.run(["sleep", "60"], check=False)
    assert time.monotonic() - began < 10


def test_what_does_not_listen_is_killed() -> None:
    with pytest.raises(NixError, match="did not answer"), bounded("vps-1", 0.2):
        subprocess.run(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], check=False)


def test_what_answers_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_MEMORY", 16 << 20)
    with pytest.raises(NixError, match="answer has no end"), bounded("vps-1"):
        subprocess.run(["yes"], capture_output=True, check=False)


def test_who_ran_before_is_let_alone() -> None:
    other = subprocess.Popen(["sleep", "60"])
    try:
        with pytest.raises(NixError, match="did not answer"), bounded("vps-1", 0.2):
            subprocess.run(["sleep", "60"], check=False)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_an_error_of_the_connection_stays_one() -> None:
    with pytest.raises(ConnectionError), bounded("vps-1", 60.0):
        raise ConnectionError


def test_children_are_known_where_the_kernel_does_not_list_them(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        monkeypatch.setattr(pathlib.Path, "is_dir", lambda _path: False)
        found = limits._children()
        child.kill()
    assert child.pid in found
