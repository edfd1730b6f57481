# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runtime data is refused before a machine hears of it, and the content that a program of the controller prints."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import KeysError, RuntimeDataError
from ansible_collections.nix.fleet.plugins.plugin_utils.files.engine import Request
from ansible_collections.nix.fleet.plugins.plugin_utils.files.file import content_of_command
from ansible_collections.nix.fleet.plugins.plugin_utils.files.runtime_data import longest, request_of

from ...errors import fails_with

FILE = {
    "path": "/var/lib/page/domains.json",
    "owner": None,
    "group": None,
    "mode": None,
    "secret": False,
    "validate": None,
    "state": "present",
}
OPTIONS = {"test": None, "reload": None, "health": None, "health_within": 10, "timeout": 60}


def request(*files: dict[str, t.Any], **options: t.Any) -> Request:
    """Return what the options make."""
    return request_of({**OPTIONS, "files": [{**FILE, **file} for file in files or ({},)], **options})


def test_a_path_is_a_directory_and_a_name() -> None:
    (file,) = request().files
    assert (file.directory, file.name, file.mode, file.letters) == (
        "/var/lib/page",
        "domains.json",
        "0644",
        "-rw-r--r--",
    )


@pytest.mark.parametrize(
    "path", ["", "x", "~/x", "/x", "/", "/a/", "/a/../b", "/a//b", "/a/.b", "/a/-b", "/a/b\nc", f"/a/{'x' * 201}"]
)
def test_a_path_that_does_not_say_where_a_file_is_is_refused(path: str) -> None:
    with pytest.raises(RuntimeDataError):
        request({"path": path})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", 0o644),
        ("mode", "u=r"),
        ("owner", "a b"),
        ("group", "$(id)"),
        ("validate", True),
        ("validate", ["a", True]),
    ],
)
def test_what_no_machine_could_make_sense_of_is_refused(field: str, value: t.Any) -> None:
    with pytest.raises(RuntimeDataError):
        request({field: value})


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": 301}, {"health_within": -1}, {"reload": {"a": 1}}])
def test_times_and_commands_that_cannot_be_are_refused(options: dict[str, t.Any]) -> None:
    with pytest.raises(RuntimeDataError):
        request(**options)


def test_a_command_is_a_list_of_words_or_a_line_for_sh() -> None:
    made = request(test=["nginx", "-t"], reload="systemctl reload x && true", health=[])
    assert (made.test, made.reload, made.health) == (("nginx", "-t"), ("sh", "-c", "systemctl reload x && true"), ())


def test_the_connection_waits_for_as_long_as_the_machine_may_take() -> None:
    times = {"timeout": 300, "health_within": 300}
    bare = request(**times)
    assert longest(bare) < 300
    # Each file is looked at; and then all of it is done, undone, and looked at again.
    made = request(
        {"path": "/a/a", "validate": "x"}, {"path": "/a/b", "validate": "x"}, test="x", reload="x", health="x", **times
    )
    assert longest(made) >= 2 * 300 + 300 + 2 * 300 + 2 * (300 + 300)


def told(*argv: str) -> bytes:
    """Return what the program tells."""
    return content_of_command(KeysError, "key token", argv, {"EXTRA": "1"}, seconds=5)


def test_it_is_what_the_program_prints_to_the_last_byte() -> None:
    assert told("printf", r"\000\377\n") == b"\0\xff\n"


def test_no_shell_reads_the_arguments() -> None:
    assert told("echo", "$(id)", "; id") == b"$(id) ; id\n"


def test_a_program_that_fails_is_named_with_what_it_said_but_not_with_what_it_printed() -> None:
    with pytest.raises(KeysError) as raised:
        told("sh", "-c", "printf 'hun%s' ter2; echo no key >&2; exit 3")
    assert "exit code 3" in str(raised.value)
    assert "no key" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_program_that_does_not_end_is_ended() -> None:
    with fails_with("keys.command_timeout"):
        content_of_command(KeysError, "key token", ["sleep", "60"], {}, seconds=0.2)


@pytest.mark.parametrize("argv", [[], ["no-such-program"], ["true"]])
def test_a_program_that_tells_nothing_is_an_error(argv: list[str]) -> None:
    with fails_with("keys.command"):
        told(*argv)
