# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks are made of options, and what makes no sense is refused before anything runs."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.health.check import Check, Context, HealthError
from ansible_collections.nix.fleet.plugins.plugin_utils.health.kinds import check_options, checks_of
from ansible_collections.nix.fleet.plugins.plugin_utils.health.web import Request, Response


def nobody(_request: Request) -> Response:
    raise AssertionError("nothing is to be fetched")


def check(*, check_mode: bool = False, **given: t.Any) -> Check:
    options = {name: spec.get("default") for name, spec in check_options().items()} | given
    (made,) = checks_of([options], Context(lambda: "192.0.2.7", nobody, check_mode))
    return made


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({}, "check 1 is to have exactly one of units, http, port, command; it has none of them"),
        ({"port": 1, "command": "true"}, "it has port and command"),
        ({"port": 1, "status": [200]}, "check 1 is one of port, which takes no status"),
        ({"command": "true", "timeout": 0}, "its timeout of 0 s leaves no time for it"),
        ({"port": 0}, "0 is not a TCP port"),
        ({"port": 1, "host": ""}, "host is empty"),
        ({"units": []}, "units is empty"),
        ({"units": ["all", "nginx"]}, "units is either 'all' or a list of names"),
        ({"units": ["--now"]}, "'--now' is not the name of a unit"),
        ({"units": ["a b"]}, "'a b' is not the name of a unit"),
        ({"units": ["nginx"], "except": ["x"]}, "except goes with units: all"),
        ({"command": "  "}, "command is empty"),
        ({"command": []}, "command is empty"),
        ({"command": True}, "what YAML takes for another value is to be quoted"),
        ({"command": ["kill", {"a": 1}]}, "a list of words"),
        ({"command": "a\0b"}, "null character"),
        ({"command": "true", "rc": [300]}, "rc 300 is not an exit code"),
        ({"http": "example.org"}, "not one of a web server"),
        ({"http": "file:///etc/passwd"}, "not one of a web server"),
        ({"http": "http://"}, "not one of a web server"),
        ({"http": "http://example.org:99999/"}, "is not valid"),
        ({"http": "http://example.org/a b"}, "white space"),
        ({"http": "http://example.org/\nurl = x"}, "white space"),
        ({"http": "http://a/", "status": [20]}, "20 is not a status of HTTP"),
        ({"http": "http://a/", "status": []}, "status is empty"),
        ({"http": "http://a/", "headers": {"a: b": "c"}}, "'a: b' is not the name of a header"),
        ({"http": "http://a/", "headers": {"a": "c\r\nX: y"}}, "the header a has a line break in it"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(given: dict[str, t.Any], cause: str) -> None:
    with pytest.raises(HealthError, match="check 1") as refused:
        check(**given)
    assert cause in refused.value.cause
    assert "none of them has been made" in str(refused.value)


def test_a_password_is_not_told_when_its_url_is_refused() -> None:
    with pytest.raises(HealthError) as refused:
        check(http="ftp://pat:secret@example.org/")
    assert "secret" not in str(refused.value)


def test_a_port_is_tried_where_ansible_connects_to() -> None:
    assert vars(check(port=22))["host"] == "192.0.2.7"


def test_check_mode_runs_no_command() -> None:
    made = check(check_mode=True, command="reboot")
    assert not hasattr(made, "call")
    assert t.cast("t.Any", made).run().held is None
