# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One copy: its command line, who is told what of its log, and what its end means."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.copying import Copy, CopyLog, verify
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.ssh import LinkLostError
from ansible_collections.nix.fleet.plugins.plugin_utils.copy.store_socket import serve_requests
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import CopyError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed

from ...errors import fails_with
from .paths import BASE

ONE = "/nix/store/00000000000000000000000000000001-one"
TWO = "/nix/store/00000000000000000000000000000002-two"
STORE = "unix:///tmp/fleet/store"


def event(**fields: t.Any) -> str:
    return f"@nix {json.dumps(fields)}"


def copying(path: str, number: int = 1) -> str:
    return event(action="start", id=number, type=100, text="", level=3, fields=[path, "local", STORE])


def error(text: str) -> str:
    return event(action="msg", level=0, msg=f"\x1b[31;1merror:\x1b[0m {text}", raw_msg=text)


def ended(*lines: str, rc: int = 1) -> tuple[Completed, CopyLog]:
    """Return a copy that printed ``lines``, and its log."""
    log = CopyLog()
    for line in lines:
        log.read(line)
    return Completed(("nix", "copy"), rc, "", "\n".join(lines)), log


def test_a_copy_sends_paths_without_asking_for_signatures() -> None:
    assert Copy([ONE, TWO]).command(STORE) == [
        "nix", "--extra-experimental-features", "nix-command flakes", "copy", "--log-format", "internal-json",
        "--no-check-sigs", "--to", STORE, ONE, TWO,
    ]  # fmt: skip


def test_signatures_are_checked_when_asked_for() -> None:
    assert "--no-check-sigs" not in Copy([ONE], check_signatures=True).command(STORE)


def sending(number: int, done: int, expected: int) -> str:
    return event(action="result", type=105, id=number, fields=[done, expected, 0, 0])


def test_the_log_knows_which_paths_were_sent() -> None:
    # The last bytes are not always told.
    _answer, log = ended(copying(ONE, 1), sending(1, 1, 2), copying(TWO, 2), sending(2, 161, 168), rc=0)
    assert log.sent == {ONE: 2, TWO: 168}
    assert log.bytes_done == 162


@pytest.mark.parametrize(
    ("lines", "whole"),
    [
        ([], []),
        ([copying(ONE, 1)], []),
        ([copying(ONE, 1), sending(1, 161, 168), copying(TWO, 2)], [ONE]),
        ([copying(ONE, 1), sending(1, 161, 168), copying(TWO, 2), sending(2, 10, 1000)], [ONE]),
        ([copying(ONE, 1), sending(1, 161, 168), copying(TWO, 2), sending(2, 1000, 1000)], [ONE, TWO]),
    ],
)
def test_of_a_copy_that_breaks_off_the_path_on_its_way_was_not_sent(lines: list[str], whole: list[str]) -> None:
    _answer, log = ended(*lines)
    assert list(log.sent_whole) == whole


def test_a_line_names_the_path_that_is_sent_from_then_on() -> None:
    log = CopyLog()
    assert log.read(copying(ONE)) == ONE
    assert log.read("warning: something else") is None
    assert log.read("@nix not json") is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"cannot add path '{ONE}' because it lacks a signature by a trusted key", "copy.unsigned"),
        ("error: out of memory", "copy.no_memory"),
        ("writing to file: No space left on device", "copy.disk_full"),
        ("executing SQLite statement: database or disk is full", "copy.disk_full"),
        ("mkdir: cannot create directory '/var/lib/nix.fleet/gcroots': Read-only file system", "copy.no_root"),
        ("creating symlink '/var/lib/nix.fleet/gcroots/copied/x': No space left on device", "copy.no_root"),
        ("user 'pat' is not allowed to connect to the Nix daemon", "copy.not_allowed"),
        (f"path '{ONE}' is not valid", "copy.not_there"),
        (f"path '{ONE}' is required, but there is no substituter that can build it", "copy.not_there"),
    ],
)
def test_what_nix_says_is_explained(text: str, code: str) -> None:
    with pytest.raises(CopyError) as failure:
        verify(*ended(error(text)), host="vps-1")
    assert (failure.value.code, failure.value.host) == (code, "vps-1")
    assert failure.value.advice
    assert text in failure.value.log
    assert "\x1b" not in failure.value.log


@pytest.mark.parametrize(
    "text",
    [
        "unexpected end-of-file",
        "Nix daemon disconnected unexpectedly (maybe it crashed?)",
        "writing to file: Broken pipe",
        "cannot connect to socket at '/tmp/fleet/store': Connection refused",
        "read of 32768 bytes: Connection reset by peer",
    ],
)
def test_a_broken_connection_is_no_failure_of_the_copy_yet(text: str) -> None:
    with pytest.raises(LinkLostError):
        verify(*ended(error(text)), host="vps-1")


@pytest.mark.parametrize("text", ["the moon is full", "writing to file: No space left on device"])
def test_the_command_of_a_failure_can_be_given_by_hand(text: str) -> None:
    answer, log = ended(error(text))
    answer = dataclasses.replace(answer, argv=tuple(Copy([ONE]).command(STORE)))
    with pytest.raises(CopyError) as failure:
        verify(answer, log, host="vps-1")
    assert failure.value.command == (
        "nix", "--extra-experimental-features", "nix-command flakes", "copy", "--no-check-sigs", "--to", "ssh-ng://vps-1", ONE,
    )  # fmt: skip


def test_a_full_disk_is_not_taken_for_a_broken_connection() -> None:
    with fails_with("copy.disk_full"):
        verify(*ended(error("writing to file: No space left on device"), error("unexpected end-of-file")), host="vps-1")


def test_how_far_a_copy_is_is_told_in_paths_and_bytes() -> None:
    log = CopyLog()
    assert log.progress == "copying"
    log.read(event(action="start", id=9, type=103, text="copying 2 paths", level=3))
    log.read(event(action="result", id=9, type=106, fields=[100, 4096]))
    log.read(event(action="result", id=9, type=105, fields=[0, 2, 1, 0]))
    log.read(copying(ONE))
    log.read(event(action="result", id=1, type=105, fields=[1024, 2048, 0, 0]))
    assert log.progress == "copying 0/2 paths, 1.0 KiB of 4.0 KiB"
    log.read(event(action="result", id=1, type=105, fields=[2048, 2048, 0, 0]))
    log.read(event(action="result", id=9, type=105, fields=[1, 2, 1, 0]))
    assert log.progress == "copying 1/2 paths, 2.0 KiB of 4.0 KiB"


def test_a_greeting_comes_before_a_request_for_each_path() -> None:
    name = BASE.path.encode()
    request = b"\x03" + bytes(7) + bytes([len(name)]) + bytes(7) + name + bytes(-len(name) % 8)
    assert serve_requests([BASE.path] * 2) == b"\xeb\x9d\x0c\x39\0\0\0\0\x05\x02\0\0\0\0\0\0" + request * 2
