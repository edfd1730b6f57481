# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked beside is answered, raises what it raised, and is not waited for when nobody wants it any more."""

from __future__ import annotations

import threading

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.beside import beside
from ansible_collections.nix.fleet.plugins.plugin_utils.process import Completed, run


def test_the_answer_is_there_when_it_is_asked_for() -> None:
    with beside(lambda: run(["echo", "here"])) as answer:
        assert answer.result().stdout == "here\n"


def test_a_question_that_fails_does_so_where_its_answer_is_asked_for() -> None:
    def fail() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"), beside(fail) as answer:
        answer.result()


def test_what_runs_for_it_ends_when_the_block_is_left_by_an_exception() -> None:
    with pytest.raises(LookupError), beside(lambda: run(["sleep", "600"])) as answer:
        raise LookupError
    assert answer.result().rc < 0


def test_what_it_is_about_to_run_ends_as_well() -> None:
    go = threading.Event()

    def late() -> Completed:
        go.wait()
        return run(["sleep", "600"])

    threading.Timer(0.2, go.set).start()
    with pytest.raises(LookupError), beside(late) as answer:
        raise LookupError
    assert answer.result().rc < 0


def test_commands_of_other_threads_go_on() -> None:
    with beside(lambda: run(["sh", "-c", "sleep 1; echo there"])) as other:
        with pytest.raises(LookupError), beside(lambda: run(["sleep", "600"])):
            raise LookupError
        assert other.result().stdout == "there\n"
