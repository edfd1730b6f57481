# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A slow line delivers when arithmetic says so."""

from __future__ import annotations

import pytest

from ansible_collections.nix.fleet.tests.lab.rehearsal.shaping import Lane, Shape, parse_milliseconds, parse_rate


def test_a_plain_line_delivers_at_once() -> None:
    assert Lane().arrival(10.0, 5_000, Shape()) == 10.0


def test_a_delayed_line_delivers_everything_later_and_nothing_slower() -> None:
    lane, shape = Lane(), Shape(delay=0.5)
    assert [lane.arrival(10.0, 1_000_000, shape) for _piece in range(3)] == [10.5, 10.5, 10.5]


def test_a_throttled_line_delivers_one_piece_after_the_other() -> None:
    lane, shape = Lane(), Shape(rate=1_000)
    assert [lane.arrival(10.0, 500, shape) for _piece in range(3)] == [10.5, 11.0, 11.5]


def test_a_throttled_line_that_was_idle_saves_nothing_up() -> None:
    lane, shape = Lane(), Shape(rate=1_000)
    lane.arrival(10.0, 500, shape)
    assert lane.arrival(20.0, 500, shape) == 20.5


def test_delay_and_rate_add_up() -> None:
    lane, shape = Lane(), Shape(delay=1.0, rate=1_000)
    assert [lane.arrival(0.0, 1_000, shape) for _piece in range(2)] == [2.0, 3.0]


def test_a_line_that_became_quick_does_not_wait_for_what_was_slow() -> None:
    lane = Lane()
    lane.arrival(0.0, 1_000_000, Shape(rate=1_000))
    lane.clear()
    assert lane.arrival(1.0, 1_000, Shape(rate=1_000)) == 2.0


def test_a_delayed_connection_may_have_as_much_under_way_as_a_quick_line_needs() -> None:
    assert Shape(delay=0.05).backlog() >= 0.05 * 400_000_000
    assert Shape(delay=60).backlog() == 64 * 1024 * 1024


def test_a_throttled_connection_holds_little_so_that_its_sender_feels_it() -> None:
    assert Shape(rate=1_250_000).backlog() == 125_000
    assert Shape(rate=10).backlog() > 0


def test_a_throttled_line_is_read_in_pieces_of_about_ten_milliseconds() -> None:
    assert Shape(rate=1_000_000).read_size() == 10_000
    assert Shape(rate=1).read_size() == 1448
    assert Shape(rate=1e12).read_size() == Shape().read_size()


@pytest.mark.parametrize(
    ("text", "bytes_a_second"),
    [
        ("10mbit", 1_250_000),
        ("1.5Gbit", 187_500_000),
        ("800kbit/s", 100_000),
        ("56kbps", 7_000),
        ("2MB", 2_000_000),
        ("300 kB/s", 300_000),
        ("64B", 64),
    ],
)
def test_rates_are_bits_or_bytes_a_second(text: str, bytes_a_second: float) -> None:
    assert parse_rate(text) == bytes_a_second


@pytest.mark.parametrize("text", ["", "10", "mbit", "-1mbit", "0mbit", "10mbits", "10 m bit", "1e3kbit"])
def test_what_is_not_a_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="10mbit"):
        parse_rate(text)


@pytest.mark.parametrize(("text", "seconds"), [("50", 0.05), ("50ms", 0.05), ("1.5s", 1.5), ("0", 0.0)])
def test_times_are_milliseconds_unless_said_otherwise(text: str, seconds: float) -> None:
    assert parse_milliseconds(text) == seconds


@pytest.mark.parametrize("text", ["", "ms", "-5", "5m", "1h"])
def test_what_is_not_a_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="50ms"):
        parse_milliseconds(text)
