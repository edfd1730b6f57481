# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one evaluation of a load: its command line, and what its failure is told as."""

from __future__ import annotations

import json
import pathlib
import re
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import InventoryError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import CommandTimeoutError, Completed
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory import evaluation
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.evaluation import (
    Evaluated,
    Settings,
    evaluate,
    evaluated_files,
    evaluation_command,
    expression,
    failure,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.loading import SOURCES
from ansible_collections.nix.fleet.plugins.plugin_utils.inventory.place import FlakeOutput, NixFile

from ...errors import fails_with

FILE = NixFile(pathlib.Path("/fleet/nodes.nix"))
NODES = [SOURCES["nodes"]]
BEGINNING = ["nix", "--extra-experimental-features", "nix-command flakes", "eval", "--json", "--show-trace"]


def failed(stderr: str) -> Completed:
    return Completed(("nix", "eval", "--apply", "a page of Nix"), 1, "", stderr)


def test_a_flake_on_this_machine_is_the_working_directory_so_that_its_path_may_have_any_character() -> None:
    command = evaluation_command(FlakeOutput("/home/a b#c"), "FUNCTION", Settings(), report=False)
    assert command == [*BEGINNING, "--no-write-lock-file", ".#.", "--apply", "FUNCTION"]


def test_settings_of_nix_appear_in_its_environment_and_nowhere_else(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nix = tmp_path / "nix"
    nix.write_text('#!/bin/sh\nprintf %s "$NIX_CONFIG" >"${0%/*}/config"\necho "error: no" >&2\nexit 1\n')
    nix.chmod(0o755)
    monkeypatch.setenv("NIX_CONFIG", "cores = 2")
    settings = Settings(executable=str(nix), nix_options={"access-tokens": "github.com=ghp_secret"})
    with pytest.raises(InventoryError) as told:
        evaluate(NODES, FILE, settings)
    assert (tmp_path / "config").read_text() == "cores = 2\naccess-tokens = github.com=ghp_secret"
    assert "ghp_secret" not in f"{told.value} {told.value.to_result()}"
    with fails_with("inventory.bad_settings") as refused:
        evaluate(NODES, FILE, Settings(nix_options={"access-tokens": "ghp_secret\n"}))
    assert "ghp_secret" not in f"{refused.value} {refused.value.to_result()}"


def test_the_function_takes_the_named_output_step_by_step() -> None:
    function = expression(NODES, FlakeOutput("/f", ("fleet", "a.b$(x)")))
    assert 'value = select outputs [ "fleet" "a.b\\$(x)" ];' in function


def test_a_failure_is_told_by_its_place_in_the_data_its_message_and_its_position() -> None:
    stderr = """\
error:
       … while evaluating attribute 'a'
       … while reading the inventory at roles.web.targets.a
       … while reading the inventory at roles.web.targets.a.page
         at «string»:8:3:
       … while calling the 'throw' builtin
         at /fleet/pages.nix:3:5:
            2|
            3|     throw "no\\npage";
             |     ^
       error: no
       page
"""
    error = failure(FILE, failed(stderr))
    assert error.cause == "/fleet/nodes.nix: at roles.web.targets.a.page: no page (/fleet/pages.nix:3:5)"
    assert error.command == ("nix", "eval", "--apply", "…")
    assert error.details["trace"] == stderr


def test_a_position_in_the_copy_of_a_flake_is_told_in_the_original(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, copy, other = (tmp_path / name for name in ("original", "copy-source", "other-source"))
    for directory, text in ((original, "same"), (copy, "same"), (other, "other")):
        directory.mkdir()
        (directory / "flake.nix").write_text(text, encoding="utf-8")
    monkeypatch.setattr(evaluation, "_STORE_SOURCE", re.compile(rf"{tmp_path}/[a-z]+-source(?=/)"))

    def told(directory: pathlib.Path) -> str:
        stderr = f"error: boom\n       at {directory}/flake.nix:1:2:\n"
        return failure(FlakeOutput(str(original)), failed(stderr)).cause

    assert told(copy) == f"{original}: boom ({original}/flake.nix:1:2)"
    assert told(other) == f"{original}: boom ({other}/flake.nix:1:2)"


def test_a_server_that_is_not_reached_is_told_as_that_and_not_as_wrong_data() -> None:
    stderr = "error:\n       … while fetching the input\n\n       error: unable to download 'https://x.example': Could not connect"
    error = failure(FILE, failed(stderr))
    assert error.code == "inventory.network"
    assert "data" not in str(error.advice)


def test_nix_says_which_files_it_evaluated() -> None:
    stderr = """\
evaluating file '«nix-internal»/derivation-internal.nix'
evaluating file '/fleet/nodes.nix'
evaluating file '/nix/store/00000000000000000000000000000000-source/default.nix'
evaluating file '/elsewhere/it's.nix'
"""
    assert evaluated_files(stderr) == ("/elsewhere/it's.nix", "/fleet/nodes.nix")


class TestRunning:
    """What comes of the command that is run."""

    def answer(self, monkeypatch: pytest.MonkeyPatch, answer: t.Any) -> None:
        def run(argv: list[str], **_options: t.Any) -> Completed:
            if isinstance(answer, Exception):
                raise answer
            return Completed(tuple(argv), 0, json.dumps(answer), "")

        monkeypatch.setattr(evaluation, "run", run)

    def test_the_source_that_found_something_is_told_with_its_data(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer(monkeypatch, {"source": "nodes", "data": {"a": {}}, "library": None})
        assert evaluate(NODES, FILE, Settings()) == Evaluated("nodes", {"a": {}})

    def test_nothing_found_is_told_with_what_was_looked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer(monkeypatch, None)
        with fails_with("inventory.nothing_found"):
            evaluate(list(SOURCES.values()), FILE, Settings())

    def test_without_nix_the_message_says_how_to_do_without(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer(monkeypatch, FileNotFoundError())
        with fails_with("inventory.no_nix") as raised:
            evaluate(NODES, FILE, Settings())
        assert "JSON or YAML" in (raised.value.advice or "")

    def test_an_evaluation_without_end_is_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer(monkeypatch, CommandTimeoutError(["nix"], 3))
        with fails_with("inventory.timeout"):
            evaluate(NODES, FILE, Settings(timeout=3))

    def test_a_flake_that_is_not_there_is_told_before_nix_is_run(self) -> None:
        with fails_with("inventory.no_directory"):
            evaluate(NODES, FlakeOutput("/does/not/exist"), Settings())
