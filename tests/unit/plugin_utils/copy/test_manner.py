# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task's options leave to the line, and what becomes of it."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.copy.manner import Manner, manner_of


def manner(**options: object) -> Manner:
    return manner_of({"compression": None, "substitute_on_destination": None, "bandwidth": 0, **options})


def test_what_nobody_has_said_is_the_lines_to_choose() -> None:
    begun = manner()
    assert (begun.compression, begun.fetching, begun.may_compress, begun.may_fetch) == (None, False, True, True)


@pytest.mark.parametrize(
    ("options", "may_compress", "may_fetch"),
    [
        ({"compression": True}, False, True),
        ({"compression": False}, False, True),
        ({"bandwidth": 1000}, False, False),
        ({"substitute_on_destination": False}, True, False),
    ],
)
def test_what_somebody_has_said_stays(options: dict[str, object], may_compress: bool, may_fetch: bool) -> None:
    begun = manner(**options)
    assert (begun.may_compress, begun.may_fetch) == (may_compress, may_fetch)
    slow = begun.after(compressing=False, fetching=False)
    assert slow.compression is options.get("compression")


def test_the_line_has_its_say_once() -> None:
    slow = manner().after(compressing=True, fetching=True)
    assert (slow.compression, slow.fetching, slow.may_compress, slow.may_fetch) == (True, True, False, False)


def test_a_session_that_cannot_be_had_is_done_without() -> None:
    slow = manner().after(compressing=True, fetching=True)
    again = slow.after(compressing=False, fetching=slow.fetching)
    assert (again.compression, again.fetching) == (None, True)


def test_how_it_goes_on_is_told() -> None:
    assert str(manner().after(compressing=False, fetching=False)) == "as it was"
    both = manner().after(compressing=True, fetching=True)
    assert str(both) == "with compression and with what the host's own caches have from there"


@pytest.mark.parametrize("asked_for", [True, False])
def test_what_was_asked_for_is_told_from_what_the_line_has_chosen(asked_for: bool) -> None:
    begun = manner(compression=asked_for)
    slow = begun.after(compressing=False, fetching=True)
    assert (begun.given, slow.given, slow.compression) == (asked_for, asked_for, asked_for)
    assert manner().after(compressing=True, fetching=False).given is None
