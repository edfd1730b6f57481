# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lock file is read as the manual describes it, and what moves from one to another is told by revision and date."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.update.lock import Locked, message, moves, parse_lock

from ...errors import fails_with

OLD, NEW = "a" * 40, "b" * 40


def lock(**revisions: str) -> str:
    """Return a lock file with home-manager, which has an input of its own and one that follows ours."""
    nodes: dict[str, t.Any] = {
        "root": {"inputs": {name: name for name in revisions}},
        "utils": {"locked": {"rev": OLD, "lastModified": 0}},
    }
    for name, revision in revisions.items():
        nodes[name] = {"locked": {"rev": revision, "lastModified": 86400}, "original": {"type": "git"}}
    if "home-manager" in nodes:
        nodes["home-manager"]["inputs"] = {"nixpkgs": ["nixpkgs"], "utils": "utils"}
    return json.dumps({"nodes": nodes, "root": "root", "version": 7})


def test_inputs_have_the_names_of_their_paths_and_those_that_follow_others_none() -> None:
    assert list(parse_lock(lock(nixpkgs=OLD, **{"home-manager": OLD}), "flake.lock")) == [
        "nixpkgs",
        "home-manager",
        "home-manager/utils",
    ]


def test_what_moved_is_told_with_revisions_and_dates() -> None:
    before = parse_lock(lock(nixpkgs=OLD, gone=OLD), "before")
    after = parse_lock(lock(nixpkgs=NEW, come=NEW), "after")
    assert [(move.name, move.kind, move.text) for move in moves(before, after)] == [
        ("come", "added", "come: bbbbbbbbbbbb (1970-01-02) added"),
        ("gone", "removed", "gone: aaaaaaaaaaaa (1970-01-02) removed"),
        ("nixpkgs", "updated", "nixpkgs: aaaaaaaaaaaa (1970-01-02) → bbbbbbbbbbbb (1970-01-02)"),
    ]
    assert moves(after, after) == ()


@pytest.mark.parametrize("mark", ["<<<<<<< ours", "=======", ">>>>>>> theirs"])
def test_marks_of_a_conflict_are_named_with_the_way_out(mark: str) -> None:
    with fails_with("update.conflict") as refused:
        parse_lock(f"{{\n{mark}\n}}", "flake.lock")
    assert refused.value.advice
    assert "git checkout --ours" in refused.value.advice


@pytest.mark.parametrize(
    "text",
    [
        "not JSON",
        "[]",
        "{}",
        '{"nodes": {}, "root": "root"}',
        '{"nodes": {"root": {"inputs": {"a": "b"}}}, "root": "root"}',
        '{"nodes": {"root": {"inputs": {"a": "root"}}}, "root": "root"}',
        '{"nodes": {"root": []}, "root": "root"}',
        "[" * 100_000,
    ],
)
def test_what_is_no_lock_file_is_refused(text: str) -> None:
    with fails_with("update.bad_lock"):
        parse_lock(text, "flake.lock")


def test_the_message_of_a_commit_names_what_moved_or_how_much_of_it() -> None:
    few = moves({}, {"nixpkgs": Locked({"rev": NEW})})
    assert message(few, "") == "flake.lock: update nixpkgs\n\nnixpkgs: bbbbbbbbbbbb added\n"
    assert message(few, "on web: all").splitlines()[::2] == [
        "flake.lock: update nixpkgs",
        "nixpkgs: bbbbbbbbbbbb added",
        "on web: all",
    ]
    many = moves({}, {f"input-{number}": Locked({"rev": NEW}) for number in range(9)})
    assert message(many, "").startswith("flake.lock: update 9 inputs\n")
