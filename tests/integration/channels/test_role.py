# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each host's branch is moved by the playbook, in a real bare repository, and each host's failure is its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ..fleet.project import Project
from .conftest import FLAKE, Clone


def test_each_host_has_its_branch_at_what_was_built_and_one_that_fails_keeps_it(clone: Clone) -> None:
    first = clone.commit()
    run = clone.channel()
    assert run.rc == 0, run.output
    assert clone.branches == {"nixos-tested-web": first, "nixos-tested-mail": first}

    second = clone.commit(mail="exit 1")
    predicted = clone.channel("--check", "--diff", "-l", "web")
    assert (
        f"-nixos-tested-web: {first[:12]}\n+nixos-tested-web: {second[:12]}\n+{second[:7]} change" in predicted.output
    )
    assert clone.branches["nixos-tested-web"] == first
    run = clone.channel()
    assert run.rc == 2, run.output
    assert run.hosts(failed=1) == {"mail"}
    assert clone.branches == {"nixos-tested-web": second, "nixos-tested-mail": first}

    again = clone.channel("-l", "web")
    assert again.counts("web")["changed"] == 0, again.output


@pytest.mark.thorough
def test_a_check_foresees_the_move_though_the_host_that_builds_for_itself_builds_nothing_in_it(clone: Clone) -> None:
    revision = clone.commit()
    itself = {"deploy_build_on": "target", "ansible_connection": "local"}
    predicted = clone.channel("--check", "--diff", "-l", "web", **itself)
    assert predicted.rc == 0, predicted.output
    assert f"+nixos-tested-web: {revision[:12]}" in predicted.output
    assert clone.branches == {}
    run = clone.channel("-l", "web", **itself)
    assert run.rc == 0, run.output
    assert clone.branches == {"nixos-tested-web": revision}


@pytest.mark.thorough
def test_what_is_not_committed_moves_no_branch(clone: Clone) -> None:
    (clone.work.path / "flake.nix").write_text(FLAKE.format(salt="dirty", mail="echo >$out"))
    run = clone.channel("-l", "web")
    assert run.rc == 2
    assert "has changes that are not committed" in run.output
    assert clone.branches == {}


@pytest.mark.thorough
def test_a_system_that_the_cache_lacks_moves_no_branch_until_it_has_it(clone: Clone, tmp_path: Path) -> None:
    revision = clone.commit()
    cache = f"file://{tmp_path}/cache"
    run = clone.channel("-l", "web", channel_cache=cache)
    assert run.rc == 2
    assert "is not in the cache" in run.output
    assert clone.branches == {}
    copy = [
        "nix",
        "--extra-experimental-features",
        "nix-command flakes",
        "copy",
        "--to",
        cache,
        f"{clone.work.path}#web",
    ]
    subprocess.run(copy, env={**os.environ, "PATH": Project(tmp_path).path}, check=True, capture_output=True)
    run = clone.channel("-l", "web", channel_cache=cache)
    assert run.rc == 0, run.output
    assert clone.branches == {"nixos-tested-web": revision}


@pytest.mark.thorough
def test_a_system_is_in_the_cache_before_its_branch_moves(clone: Clone, tmp_path: Path) -> None:
    revision = clone.commit()
    cache = tmp_path / "cache"
    pushed = {"deploy_cache_push": f"file://{cache}"}
    checked = clone.channel("--check", "-l", "web", **pushed)
    assert checked.rc == 0, checked.output
    assert (cache.exists(), clone.branches) == (False, {})

    # Nothing can be written where there is a file.
    cache.write_text("")
    run = clone.channel("-l", "web", **pushed)
    assert run.hosts(failed=1) == {"web"}, run.output
    assert clone.branches == {}

    cache.unlink()
    run = clone.channel("-l", "web", **pushed)
    assert run.rc == 0, run.output
    assert [file.read_text().partition("\n")[0].rpartition("-")[2] for file in cache.glob("*.narinfo")] == ["web"]
    assert clone.branches == {"nixos-tested-web": revision}
    again = clone.channel("-l", "web", **pushed)
    assert again.counts("web")["changed"] == 0, again.output


@pytest.mark.thorough
def test_what_the_commit_does_not_say_moves_no_branch(clone: Clone) -> None:
    clone.commit()
    for name, value in {
        "deploy_override_inputs": {"nixpkgs": "path:/nowhere"},
        "deploy_impure": True,
        "deploy_nix_options": {"pure-eval": False},
    }.items():
        run = clone.channel("-l", "web", **{name: value})
        assert run.hosts(failed=1) == {"web"}, run.output
        assert f"builds what that commit says, without {name}" in run.output
    assert clone.branches == {}
