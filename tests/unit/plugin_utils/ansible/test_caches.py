# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Without a place for caches a run does without: it keeps what its hosts share for itself, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible import constants

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.caches import usable_caches
from ansible_collections.nix.fleet.plugins.plugin_utils.nix.machine import Controller


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of a run."""
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(directory))
    return directory


def test_what_can_be_used_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caches = usable_caches()
    assert caches.evaluations.directory == tmp_path / "cache/nix.fleet/evaluation"
    assert (dict(caches.environment), caches.warnings) == ({}, ())


def test_a_file_in_its_place_is_warned_of_and_done_without(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caches = usable_caches()
    assert run in caches.evaluations.directory.parents
    (warning,) = caches.warnings
    assert warning.startswith(f"{tmp_path}/cache/nix.fleet/evaluation cannot be used: Not a directory, so that nothing")
    assert "XDG_CACHE_HOME" in warning


def test_hosts_of_a_run_share_what_is_kept_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first, second = usable_caches(), usable_caches()
    with first.evaluations.lock("x") as held, second.evaluations.lock("x") as wanted:
        assert held is not None
        assert wanted is None


def test_who_has_no_home_is_warned_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert "has no home for caches" in usable_caches().warnings[0]


def test_nix_on_the_controller_keeps_its_own_cache_there_too(
    tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caches = usable_caches()
    said = caches.used_by(Controller({"MINE": "yes"})).run(["sh", "-c", 'echo "$XDG_CACHE_HOME $MINE"']).stdout
    assert said.split() == [str(run / "nix.fleet-caches"), "yes"]
