# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's Nix is one that is new enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.nix.fleet.tests.lab.rehearsal import controller_nix
from ansible_collections.nix.fleet.tests.lab.rehearsal.clone import Clone


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for /nix that is not this machine's."""
    store = tmp_path / "nix"
    monkeypatch.setattr(controller_nix, "_STORE", store)
    monkeypatch.setattr(controller_nix, "_MARKER", store / ".nix-fleet-lab")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return store


def clone_at(path: Path) -> Clone:
    (path / ".lab").mkdir(parents=True)
    return Clone(path)


def test_a_store_that_the_lab_made_goes_with_the_last_clone_that_uses_it(store: Path, tmp_path: Path) -> None:
    one, other = clone_at(tmp_path / "one"), clone_at(tmp_path / "other")
    controller_nix._own_store(one)
    controller_nix._own_store(other)
    (store / "store/read-only").mkdir(parents=True)
    (store / "store/read-only").chmod(0o555)
    controller_nix.release(one)
    assert store.is_dir()
    controller_nix.release(other)
    assert not store.exists()


def test_a_store_that_was_there_before_the_lab_stays(store: Path, tmp_path: Path) -> None:
    store.mkdir()
    one = clone_at(tmp_path / "one")
    controller_nix._own_store(one)
    controller_nix.release(one)
    assert store.is_dir()
