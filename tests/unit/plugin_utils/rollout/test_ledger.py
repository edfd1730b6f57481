# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of a run know of each other what has been noted, and a batch has one time at which it may begin."""

from __future__ import annotations

import multiprocessing
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.errors import HeldBackError
from ansible_collections.nix.fleet.plugins.plugin_utils.rollout.gate import failures, hold_back
from ansible_collections.nix.fleet.plugins.plugin_utils.rollout.ledger import Ledger

if t.TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def test_what_was_noted_of_a_host_is_read_again(ledger: Ledger) -> None:
    ledger.note("failed", "we/b \n\u00fc", {"cause": "no"})
    assert ledger.read("failed", "we/b \n\u00fc") == {"cause": "no"}
    assert ledger.standing("we/b \n\u00fc") == "failed"
    assert (ledger.read("failed", "other"), ledger.standing("other")) == (None, None)


def test_a_host_that_fails_twice_counts_once(ledger: Ledger) -> None:
    for cause in ("first", "second"):
        ledger.note("failed", "web", {"cause": cause})
    assert ledger.count("failed", besides="other") == 1
    assert ledger.read("failed", "web") == {"cause": "second"}


def test_a_host_is_held_back_by_others_and_not_by_itself(ledger: Ledger) -> None:
    ledger.note("failed", "web", {})
    hold_back(ledger, "web", 0)
    with pytest.raises(HeldBackError):
        hold_back(ledger, "mail", 0)


def test_what_ansible_calls_failed_counts_too(ledger: Ledger) -> None:
    ledger.note("failed", "web", {})
    assert failures(ledger, "mail", ["db", "mail"]) == 2
    hold_back(ledger, "mail", 2, ["db", "mail"])
    with pytest.raises(HeldBackError) as raised:
        hold_back(ledger, "mail", 1, ["db", "mail"])
    assert raised.value.details["outcome"] == "held_back"


@pytest.mark.parametrize("standing", ["unreachable", "held_back"])
def test_offline_and_held_back_hosts_do_not_count(ledger: Ledger, standing: t.Any) -> None:
    ledger.note(standing, "web", {})
    assert failures(ledger, "mail") == 0


def test_the_first_batch_begins_at_once_and_each_other_after_the_pause(ledger: Ledger) -> None:
    assert ledger.batch_begins(["a"], 60, now=1000) == 1000
    assert ledger.batch_begins(["b", "c"], 60, now=2000) == 2060
    assert ledger.batch_begins(["d"], 60, now=3000) == 3060


def test_all_hosts_of_a_batch_begin_at_the_same_time(ledger: Ledger) -> None:
    ledger.batch_begins(["a"], 60, now=1000)
    with multiprocessing.get_context("fork").Pool(4) as workers:
        times = workers.starmap(ledger.batch_begins, [(["b", "c"], 60, 2000 + number) for number in range(32)])
    assert len(set(times)) == 1


def test_the_limit_is_none_until_somebody_says_one(ledger: Ledger) -> None:
    assert ledger.limit is None
    ledger.limit = 3
    assert ledger.limit == 3
