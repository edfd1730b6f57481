# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a machine is behind is counted by Git, and unknown where Git does not know."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import Controller
from ansible_collections.nix.fleet.plugins.plugin_utils.update.distance import Distance, distance
from ansible_collections.nix.fleet.plugins.plugin_utils.update.repository import Repository

from .repositories import bare, clone, commit, git


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return clone(bare(tmp_path / "fleet.git"), tmp_path / "work")


def seen(work: Path, deployed: str | None) -> Distance:
    return distance(Repository(Controller(), str(work)), deployed, dirty=False)


def test_a_machine_is_as_many_commits_behind_as_it_does_not_have(work: Path) -> None:
    first = git(work, "rev-parse", "HEAD")
    commit(work, "second")
    current = commit(work, "third")
    assert seen(work, first) == Distance(first, False, current, behind=2, ahead=0)
    assert seen(work, current) == Distance(current, False, current, behind=0, ahead=0)


def test_a_machine_of_another_branch_is_ahead_too(work: Path) -> None:
    git(work, "switch", "--quiet", "--create", "other")
    other = commit(work, "other")
    git(work, "switch", "--quiet", "main")
    current = commit(work, "second")
    assert seen(work, other) == Distance(other, False, current, behind=1, ahead=1)


@pytest.mark.parametrize("deployed", ["f" * 40, "--all"])
def test_what_the_history_does_not_have_is_unknown(work: Path, deployed: str) -> None:
    why = f"the history in {work} does not have the revision that was deployed"
    assert seen(work, deployed) == Distance(deployed, False, git(work, "rev-parse", "HEAD"), unknown=why)


def test_of_no_revision_there_is_nothing_to_tell(work: Path, tmp_path: Path) -> None:
    assert seen(work, None) == Distance(None, False, git(work, "rev-parse", "HEAD"))
    assert seen(tmp_path, None) == Distance(None, False)


def test_without_a_repository_or_git_nothing_is_known(tmp_path: Path) -> None:
    why = f"{tmp_path} is in no Git repository that can be read and has a commit"
    assert seen(tmp_path, "f" * 40) == Distance("f" * 40, False, unknown=why)
    nowhere = Controller({"PATH": "/nowhere"})
    with mock.patch.dict(os.environ, {"PATH": "/nowhere"}):
        assert distance(Repository(nowhere, str(tmp_path)), None, dirty=True) == Distance(None, True)
        told = distance(Repository(nowhere, str(tmp_path)), "f" * 40, dirty=True).unknown
        assert told is not None
        assert "git" in told
