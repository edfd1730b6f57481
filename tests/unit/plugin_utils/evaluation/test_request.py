# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The revisions that somebody has named, and a flake that is at another."""

from __future__ import annotations

import json

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import EvaluationError
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.request import named_revisions, other_than
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.source import Snapshot, Source

ONE, TWO = "1" * 40, "2" * 64
HASH = "sha256-QIYNNNnop0Vqgn/RoC+I0m+hUL/ecg6qB3fLTVXBgc0="
FLEET = Source(flake="/srv/fleet")


def test_revisions_are_the_whole_names_of_commits_or_the_hashes_of_files() -> None:
    assert named_revisions([ONE, "", TWO, HASH]) == (ONE, TWO, HASH)


@pytest.mark.parametrize(
    "text", ["uncommitted changes", f"{ONE}-dirty", HASH[:-1], ONE[:8], f"{ONE}\n", "main", "None"]
)
def test_what_is_no_revision_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(EvaluationError) as refused:
        named_revisions([ONE, text])
    assert refused.value.code == "evaluation.not_a_revision"


def test_another_revision_is_refused_by_both_names_with_the_next_step() -> None:
    refused = other_than([ONE], FLEET, Snapshot(revision=TWO))
    assert refused
    assert refused.code == "other_revision"
    assert all(revision in refused.cause for revision in (ONE, TWO))


def test_changes_that_are_not_committed_are_told() -> None:
    refused = other_than([ONE], FLEET, Snapshot(revision=f"{ONE}-dirty", dirty=True))
    assert refused
    assert f"{ONE}-dirty" in refused.cause
    assert "commit its changes" in (refused.advice or "")


def test_a_flake_without_a_repository_is_known_by_its_files() -> None:
    flake = Source(flake="/runner/project")
    there = Snapshot.from_json(json.dumps({"locked": {"type": "path", "narHash": HASH}}))
    assert other_than([HASH], flake, there) is None
    refused = other_than([ONE], flake, there)
    assert refused
    assert HASH in refused.cause


def test_where_a_job_is_told_the_commit_of_its_files_commits_are_named_and_no_hashes() -> None:
    flake = Source(flake="/runner/project")
    there = Snapshot.from_json(json.dumps({"locked": {"type": "path", "narHash": HASH}}))
    assert other_than([HASH, ONE], flake, there, commit=TWO) is None
    refused = other_than([HASH.replace("Q", "R"), ONE], flake, there, commit=TWO)
    assert refused
    assert all(commit in refused.cause for commit in (ONE, TWO))
    assert "sha256-" not in refused.cause


def test_the_hash_of_files_that_are_not_committed_is_none() -> None:
    metadata = {"dirtyRevision": f"{ONE}-dirty", "locked": {"type": "git", "narHash": HASH}}
    assert other_than([HASH], FLEET, Snapshot.from_json(json.dumps(metadata)))


def test_what_has_no_revision_is_refused() -> None:
    assert other_than([ONE], Source(file="x.nix"), Snapshot())
