# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runtime data is refused before a machine hears of it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import RuntimeDataError
from ansible_collections.nix.fleet.plugins.plugin_utils.files.engine import Request
from ansible_collections.nix.fleet.plugins.plugin_utils.files.runtime_data import longest, request_of

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


def test_a_file_that_is_there_twice_is_refused() -> None:
    with pytest.raises(RuntimeDataError) as raised:
        request({}, {})
    assert raised.value.code == "data.duplicate"


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
