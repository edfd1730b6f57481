# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_flake with real Git and real Nix: what moves is told, and kept only when everything that was asked for holds."""

from __future__ import annotations

import json
import shutil

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.nix.closure_diff import ClosureDiff, PackageChange

from .conftest import Flake, input_flake
from .inputs import Repository


@pytest.mark.thorough
def test_an_update_in_the_working_tree_tells_what_moved_and_a_second_one_finds_nothing(flake: Flake) -> None:
    before = flake.one.git("rev-parse", "HEAD")
    after = flake.one.commit("two", flake=input_flake("2"))
    result = flake.result("--diff", update=True)
    (moved,) = result["moved"]
    assert result["changed"]
    assert (moved["name"], moved["kind"]) == ("one", "updated")
    assert (moved["before"]["revision"], moved["after"]["revision"]) == (before, after)
    assert after in moved["after"]["url"]
    assert moved["text"].startswith(f"one: {before[:12]} (")
    assert f"one: {after[:12]}" in result["diff"]["after"]
    assert result["metadata"]["inputs"]["one"]["revision"] == after
    assert json.loads(flake.lock)["nodes"]["one"]["locked"]["rev"] == after
    assert flake.repository.files == {"flake.lock": "M"}
    again = flake.result(update=True)
    assert (again["changed"], again["moved"]) == (False, [])


@pytest.mark.thorough
def test_in_check_mode_nothing_is_written_and_the_same_is_told(flake: Flake) -> None:
    flake.one.commit("two", flake=input_flake("2"))
    before = flake.lock
    result = flake.result("--check", update=True, commit=True)
    assert result["changed"]
    assert [move["name"] for move in result["moved"]] == ["one"]
    assert result["msg"] == "would move one"
    assert flake.lock == before
    assert flake.repository.files == {}


@pytest.mark.thorough
def test_only_the_named_input_moves_and_an_unknown_name_is_refused(flake: Flake) -> None:
    for repository in (flake.one, flake.two):
        repository.commit("two", flake=input_flake("2"))
    result = flake.result(update=True, inputs=["two"])
    assert [move["name"] for move in result["moved"]] == ["two"]
    unknown = flake.result(update=True, inputs=["three"])
    assert unknown["failed"]
    assert "'three' does not match any input" in unknown["cause"]


@pytest.mark.thorough
def test_a_commit_has_the_lock_file_alone_and_says_what_moved(flake: Flake) -> None:
    after = flake.one.commit("two", flake=input_flake("2"))
    (flake.repository.path / "note.txt").write_text("not mine to commit")
    changes = ClosureDiff(
        (PackageChange("bash", "upgraded", ["5.2"], ["5.3"], 1024),), (), 10, 10, 2048, 3072
    ).to_result()
    result = flake.result(update=True, commit=True, host_changes={"web": changes, "mail": changes})
    assert result["commit"] == flake.repository.git("rev-parse", "HEAD")
    assert result["branch"] == "main"
    assert flake.repository.git("show", "--name-only", "--format=").split() == ["flake.lock"]
    message = flake.repository.git("log", "-1", "--format=%B")
    assert message.startswith("flake.lock: update one\n")
    assert after[:12] in message
    assert "\nmail, web:\nbash: 5.2 → 5.3, +1.0 KiB\nclosure: 10 → 10 paths" in message
    assert flake.repository.files == {"note.txt": "??"}
    again = flake.result(update=True, commit=True)
    assert (again["changed"], again["commit"]) == (False, None)


def test_checks_that_do_not_hold_leave_the_flake_as_it_was(flake: Flake) -> None:
    flake.one.commit("broken", flake=input_flake("broken"))
    before = flake.lock
    result = flake.result(update=True, check=True, commit=True)
    assert result["failed"]
    assert result["stage"] == "update"
    assert "nothing was changed" in result["cause"]
    assert "version-broken" in result["log"]
    assert flake.lock == before
    assert flake.repository.files == {}


@pytest.mark.thorough
def test_a_dirty_tree_is_not_committed_from(flake: Flake) -> None:
    flake.one.commit("two", flake=input_flake("2"))
    text = (flake.repository.path / "flake.nix").read_text()
    (flake.repository.path / "flake.nix").write_text(f"{text}# mine\n")
    result = flake.result(update=True, commit=True)
    assert result["failed"]
    assert "flake.nix" in result["cause"]
    assert flake.repository.files == {"flake.nix": "M"}


@pytest.mark.thorough
def test_a_merge_under_way_is_not_committed_from(flake: Flake) -> None:
    flake.repository.git("switch", "--quiet", "--create", "other")
    flake.repository.commit("theirs", more="1")
    flake.repository.git("switch", "--quiet", "main")
    flake.repository.commit("ours", more="2")
    flake.repository.try_git("merge", "other")
    result = flake.result(update=True, commit=True)
    assert "a merge is under way" in result["cause"]


@pytest.mark.thorough
def test_another_git_at_work_leaves_the_lock_file_as_it_was(flake: Flake) -> None:
    flake.one.commit("two", flake=input_flake("2"))
    before = flake.lock
    (flake.repository.path / ".git/index.lock").touch()
    result = flake.result(update=True, commit=True)
    assert result["failed"]
    assert "another Git" in result["advice"]
    assert flake.lock == before


@pytest.mark.thorough
def test_a_first_lock_file_that_cannot_be_committed_is_gone_again(flake: Flake) -> None:
    flake.repository.git("rm", "--quiet", "flake.lock")
    flake.repository.git("commit", "--quiet", "--message", "unlocked")
    hook = flake.repository.path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho frozen >&2\nexit 1\n")
    hook.chmod(0o755)
    result = flake.result(update=True, commit=True)
    assert result["failed"]
    assert "frozen" in result["log"]
    assert flake.repository.files == {}
    assert not (flake.repository.path / "flake.lock").exists()


@pytest.mark.thorough
def test_an_update_is_proposed_on_a_branch_and_the_working_tree_is_left_alone(flake: Flake) -> None:
    bare = Repository(flake.repository.path.parent / "bare")
    bare.path.mkdir()
    bare.git("init", "--quiet", "--bare")
    flake.repository.git("remote", "add", "origin", str(bare.path))
    head = flake.repository.git("rev-parse", "HEAD")
    flake.one.commit("two", flake=input_flake("2"))

    predicted = flake.result("--check", update=True, branch="update")
    assert predicted["changed"]
    assert bare.git("branch", "--list") == ""

    result = flake.result(update=True, branch="update")
    assert result["changed"]
    assert bare.git("rev-parse", "update") == result["commit"]
    assert bare.git("rev-parse", "update^") == head
    assert bare.git("show", "--name-only", "--format=", "update") == "flake.lock"
    assert flake.repository.git("rev-parse", "HEAD") == head
    assert flake.repository.files == {}

    again = flake.result(update=True, branch="update")
    assert (again["changed"], again["commit"]) == (False, result["commit"])
    assert again["msg"] == "update proposes this update already: one"

    # The next night's takes its place, from wherever it is made.
    after = flake.one.commit("three", flake=input_flake("3"))
    newer = flake.result(update=True, branch="update")
    assert bare.git("rev-parse", "update^") == head
    assert after in bare.git("show", "update:flake.lock")
    assert newer["commit"] != result["commit"]


@pytest.mark.thorough
def test_what_was_looked_at_is_what_is_kept_though_something_newer_came_meanwhile(flake: Flake) -> None:
    looked = flake.one.commit("two", flake=input_flake("2"))
    plan = flake.result("--check", update=True)
    flake.one.commit("three", flake=input_flake("3"))
    result = flake.result(update=True, lock=plan["lock"], commit=True)
    assert [move["after"]["revision"] for move in result["moved"]] == [looked]


@pytest.mark.thorough
def test_what_was_looked_at_is_not_kept_over_what_somebody_else_has_made_of_the_flake_meanwhile(flake: Flake) -> None:
    for repository in (flake.one, flake.two):
        repository.commit("two", flake=input_flake("2"))
    plan = flake.result("--check", update=True, inputs=["one"])
    given = {"update": True, "lock": plan["lock"], "lock_of": plan["lock_of"]}

    flake.result(update=True, inputs=["two"])
    theirs = flake.lock
    late = flake.result(**given)
    assert late["failed"]
    assert "was changed by somebody else since this update was made" in late["cause"]
    assert flake.lock == theirs

    flake.repository.git("checkout", "--quiet", "--", "flake.lock")
    flake.repository.commit("theirs", more="1")
    assert flake.result(**given)["failed"]
    flake.repository.git("reset", "--quiet", "--hard", "HEAD^")
    assert [move["name"] for move in flake.result(**given)["moved"]] == ["one"]


@pytest.mark.thorough
def test_the_updated_inputs_are_evaluated_without_the_lock_file_in_place(flake: Flake) -> None:
    flake.one.commit("two", flake=input_flake("2"))
    plan = flake.result("--check", update=True)
    options = {
        "flake": str(flake.repository.path),
        "attr": "version",
        "apply": "v: v",
        "override_inputs": plan["override_inputs"],
    }
    run = flake.project.run("nix_eval", options, {"host": {}})
    assert run.results["host"]["value"] == "2-1"


@pytest.mark.thorough
def test_the_sources_of_a_flake_suffice_where_its_inputs_cannot_be_fetched(
    flake: Flake, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = flake.result(archive=True)
    assert not result["changed"]
    assert len(result["sources"]) >= 2
    # Nobody has the inputs any more but the store, and Nix has no memory of having fetched them.
    for repository in (flake.one, flake.two):
        shutil.rmtree(repository.path)
    monkeypatch.setenv("NIX_CACHE_HOME", str(flake.project.directory / "empty"))
    evaluated = flake.project.run(
        "nix_eval", {"flake": str(flake.repository.path), "attr": "version", "apply": "v: v"}, {"host": {}}
    )
    assert evaluated.results["host"]["value"] == "1-1"


@pytest.mark.thorough
def test_a_first_lock_file_is_made_known_to_git_without_which_nix_would_not_see_it(flake: Flake) -> None:
    flake.repository.git("rm", "--quiet", "flake.lock")
    flake.repository.git("commit", "--quiet", "--message", "unlocked")
    result = flake.result(update=True)
    assert [move["kind"] for move in result["moved"]] == ["added", "added"]
    assert flake.repository.git("ls-files", "flake.lock") == "flake.lock"


@pytest.mark.thorough
def test_a_directory_without_a_repository_is_updated_and_not_committed_from(flake: Flake) -> None:
    shutil.rmtree(flake.repository.path / ".git")
    after = flake.one.commit("two", flake=input_flake("2"))
    refused = flake.result(update=True, commit=True)
    assert "no Git repository" in refused["cause"]
    result = flake.result(update=True)
    assert [move["after"]["revision"] for move in result["moved"]] == [after]
