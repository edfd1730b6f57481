# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that evaluate, word for word."""

from __future__ import annotations

import json

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.nix.source import Snapshot, Source

from ...errors import fails_with

NIX = ["nix", "--extra-experimental-features", "nix-command flakes"]
NO_CACHE = ["--option", "eval-cache", "false"]
LOG = ["--log-format", "internal-json"]


def test_all_outputs_of_a_flake_are_evaluated_from_their_root() -> None:
    source = Source(flake="/srv/fleet", override_inputs={"nixpkgs": "path:/np"}, impure=True)
    assert source.evaluate_all("f") == [
        *NIX, "eval", "--json", *LOG, *NO_CACHE, "--impure",
        "--override-input", "nixpkgs", "path:/np", "--no-write-lock-file", "--apply", "f", "--", "/srv/fleet#.",
    ]  # fmt: skip


def test_no_command_line_shows_a_setting() -> None:
    source = Source(flake="/srv/fleet", options={"access-tokens": "github.com=ghp_secret"})
    commands = [source.evaluate_all("f"), source.evaluate_one(["a"]), source.evaluate_root(), source.metadata()]
    assert "ghp_secret" not in str(commands)
    # Other settings may evaluate to something else.
    assert source.identity() != Source(flake="/srv/fleet").identity()


def test_one_attribute_alone_is_for_a_person_to_repeat() -> None:
    assert Source(flake=".").evaluate_one(["hosts", "x.y"])[-2:] == ["--", '.#.hosts."x.y".drvPath']
    assert Source(flake=".").evaluate_one([], "f")[3:7] == ["eval", "--json", "--apply", "f"]
    assert Source(file="/f.nix", arguments={"a": 1}).evaluate_one(["x"])[-7:] == [
        "--arg", "a", '(builtins.fromJSON "1")', "--file", "/f.nix", "--", "x.drvPath",
    ]  # fmt: skip


def test_the_revision_is_asked_with_the_same_inputs() -> None:
    assert Source(flake="/srv/fleet", override_inputs={"a": "path:/a"}).metadata() == [
        *NIX, "flake", "metadata", "--json", *LOG,
        "--override-input", "a", "path:/a", "--no-write-lock-file", "--", "/srv/fleet",
    ]  # fmt: skip


def test_a_reference_with_an_attribute_is_refused() -> None:
    with fails_with("evaluation.bad_flake"):
        Source(flake="/srv/fleet#web")


@pytest.mark.parametrize(
    ("source", "reproducible"),
    [
        (Source(flake="."), True),
        (Source(flake=".", impure=True), False),
        (Source(file="x.nix"), False),
        (Source(expression="1"), False),
    ],
)
def test_only_a_pure_flake_evaluates_to_the_same_every_time(source: Source, reproducible: bool) -> None:
    assert source.reproducible is reproducible


def test_a_dirty_tree_is_told_from_its_revision() -> None:
    snapshot = Snapshot.from_json(json.dumps({"dirtyRevision": "abc-dirty", "url": "git+file:///x"}))
    assert (snapshot.revision, snapshot.dirty) == ("abc-dirty", True)
