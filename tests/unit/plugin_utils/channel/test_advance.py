# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A channel moves forward only, also when others move it, to what a Hydra has built: with real repositories and a server that documents itself."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import time
import typing as t
from pathlib import Path
from unittest import mock

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.web import fetch
from ansible_collections.nix.fleet.plugins.plugin_utils.channel.channel import (
    Advance,
    Job,
    Proof,
    advance,
    last_success,
    revision_of,
)
from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import GitError
from ansible_collections.nix.fleet.plugins.plugin_utils.core.process import Completed
from ansible_collections.nix.fleet.plugins.plugin_utils.health.checks import Response
from ansible_collections.nix.fleet.plugins.plugin_utils.update.git import OvertakenError, Remote

from ...errors import fails_with
from ..update.repositories import bare, clone, commit, git, remote_of
from .hydra_server import Hydra

BRANCH = "nixos-tested-web"


@pytest.fixture
def server(tmp_path: Path) -> Path:
    return bare(tmp_path / "fleet.git")


@pytest.fixture
def work(server: Path, tmp_path: Path) -> Path:
    return clone(server, tmp_path / "work")


def moved(work: Path, revision: str, *, check: bool = False, pause: t.Any = time.sleep) -> Advance:
    return advance(remote_of(work), BRANCH, revision, check=check, pause=lambda attempt: pause(attempt / 50))


def at(server: Path, branch: str = BRANCH) -> str:
    return git(server, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")


def test_a_branch_begins_and_moves_forward_and_then_there_is_nothing_to_do(server: Path, work: Path) -> None:
    first = git(work, "rev-parse", "HEAD")
    assert moved(work, first) == Advance(None, first)
    second, third = commit(work, "second"), commit(work, "third")
    forward = moved(work, third)
    assert (forward.before, forward.after, forward.changed) == (first, third, True)
    assert [line.split(" ", 1)[1] for line in forward.commits] == ["third", "second"]
    assert at(server) == third
    assert not moved(work, third).changed
    assert second != third


def test_in_check_mode_the_branch_stays(server: Path, work: Path) -> None:
    assert moved(work, git(work, "rev-parse", "HEAD"), check=True).changed
    assert at(server) == ""


def test_a_branch_that_is_ahead_stays(server: Path, work: Path) -> None:
    first, second = git(work, "rev-parse", "HEAD"), commit(work, "second")
    moved(work, second)
    late = moved(work, first)
    assert (late.changed, late.behind, late.after) == (False, True, second)
    assert at(server) == second


def test_what_does_not_come_after_it_is_refused_with_where_they_parted(server: Path, work: Path) -> None:
    first, second = git(work, "rev-parse", "HEAD"), commit(work, "second")
    moved(work, second)
    git(work, "reset", "--quiet", "--hard", first)
    other = commit(work, "another second")
    with fails_with("channel.not_forward") as refused:
        moved(work, other)
    assert f"they parted after {first[:12]}" in refused.value.cause
    assert at(server) == second


def test_what_has_nothing_in_common_with_it_is_refused(server: Path, work: Path) -> None:
    moved(work, git(work, "rev-parse", "HEAD"))
    git(work, "switch", "--quiet", "--orphan", "other")
    with fails_with("channel.not_forward"):
        moved(work, commit(work, "another beginning"))


def test_a_shallow_clone_says_that_it_may_not_know(server: Path, work: Path, tmp_path: Path) -> None:
    first = git(work, "rev-parse", "HEAD")
    moved(work, first)
    commit(work, "second")
    git(work, "push", "--quiet", "origin", "HEAD:main")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{server}", str(shallow))
    with fails_with("channel.shallow") as refused:
        moved(shallow, git(shallow, "rev-parse", "HEAD"))
    assert refused.value.advice
    assert "--unshallow" in refused.value.advice


def test_a_commit_that_only_the_remote_has_is_fetched(server: Path, work: Path, tmp_path: Path) -> None:
    other = clone(server, tmp_path / "other")
    second = commit(other, "second")
    git(other, "push", "--quiet", "origin", "main")
    before = git(work, "for-each-ref", "refs/heads")
    assert moved(work, second).after == second
    assert git(work, "for-each-ref", "refs/heads") == before
    assert at(server) == second


def test_a_commit_that_nobody_has_is_told(work: Path) -> None:
    with fails_with("channel.no_commit"):
        moved(work, "0" * 39 + "1")


def test_whoever_comes_first_a_move_from_where_the_branch_no_longer_is_is_refused(server: Path, work: Path) -> None:
    first, second = git(work, "rev-parse", "HEAD"), commit(work, "second")
    remote = remote_of(work)
    remote.move(BRANCH, None, second)
    for before in (None, first):
        with pytest.raises(OvertakenError):
            remote.move(BRANCH, before, commit(work, "third"))
    assert at(server) == second


def test_two_writers_at_the_same_time_end_with_the_newer_commit(server: Path, work: Path, tmp_path: Path) -> None:
    for round_number in range(5):
        older, newer = commit(work, f"older {round_number}"), commit(work, f"newer {round_number}")
        git(work, "push", "--quiet", "origin", "HEAD:main")
        writers = [clone(server, tmp_path / f"writer-{round_number}-{number}") for number in range(2)]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            ends = list(pool.map(moved, writers, (newer, older)))
        assert at(server) == newer
        assert ends[0].after == newer
        assert ends[1].after in (older, newer)


def test_a_writer_that_is_overtaken_between_its_look_and_its_move_looks_again(server: Path, work: Path) -> None:
    first, second, third = git(work, "rev-parse", "HEAD"), commit(work, "second"), commit(work, "third")
    moved(work, first)
    really = Remote.move
    overtaken: list[str] = []

    def race(remote: Remote, branch: str, before: str | None, after: str) -> None:
        if not overtaken:
            overtaken.append(branch)
            git(work, "push", "--quiet", "origin", f"{third}:refs/heads/{BRANCH}")
        really(remote, branch, before, after)

    with mock.patch.object(Remote, "move", race):
        end = moved(work, second)
    assert overtaken
    assert (end.after, end.behind) == (third, True)
    assert at(server) == third


def test_a_branch_that_others_move_without_end_is_given_up(server: Path, work: Path) -> None:
    moved(work, git(work, "rev-parse", "HEAD"))
    last = commit(work, "mine")
    with (
        mock.patch.object(Remote, "move", side_effect=OvertakenError("stale", code="overtaken")),
        fails_with("channel.contended"),
    ):
        moved(work, last)


def test_one_host_that_is_refused_leaves_its_branch_and_that_of_others_alone(server: Path, work: Path) -> None:
    first, second = git(work, "rev-parse", "HEAD"), commit(work, "second")
    hook = server / "hooks/pre-receive"
    hook.write_text(
        f"#!/bin/sh\nwhile read -r _ _ name; do test $name != refs/heads/{BRANCH} || {{ echo frozen >&2; exit 1; }}; done\n"
    )
    hook.chmod(0o755)
    with fails_with("git.remote") as refused:
        moved(work, second)
    assert "frozen" in refused.value.log
    advance(remote_of(work), "nixos-tested-mail", second, check=False, pause=lambda _attempt: None)
    assert (at(server), at(server, "nixos-tested-mail")) == ("", second)
    assert first != second


def test_a_remote_that_is_not_there_is_told(work: Path, tmp_path: Path) -> None:
    git(work, "remote", "set-url", "origin", str(tmp_path / "nowhere"))
    with fails_with("git.remote"):
        moved(work, git(work, "rev-parse", "HEAD"))


def test_names_that_leave_no_room_for_each_other_are_told(server: Path, work: Path) -> None:
    first = git(work, "rev-parse", "HEAD")
    advance(remote_of(work), "tested", first, check=False, pause=lambda _attempt: None)
    for branch in ("tested/web", "tested/web/a"):
        with pytest.raises(GitError, match=f"{branch} of origin cannot be moved") as refused:
            advance(remote_of(work), branch, first, check=False, pause=lambda _attempt: None)
        assert refused.value.advice
        assert "leaves no room for this one" in refused.value.advice
    assert at(server, "tested") == first


def test_a_lock_that_was_left_behind_at_the_server_is_no_race(server: Path, work: Path) -> None:
    moved(work, git(work, "rev-parse", "HEAD"))
    lock = server / f"refs/heads/{BRANCH}.lock"
    lock.touch()
    second = commit(work, "second")
    with fails_with("git.remote") as refused:
        moved(work, second)
    assert not isinstance(refused.value, OvertakenError)
    assert refused.value.advice
    assert "has left this lock behind" in refused.value.advice
    lock.unlink()
    assert moved(work, second).after == second


def test_a_lock_that_another_push_holds_just_now_is_waited_for(server: Path, work: Path) -> None:
    moved(work, git(work, "rev-parse", "HEAD"))
    lock = server / f"refs/heads/{BRANCH}.lock"
    lock.touch()
    really = Remote._push
    pushes: list[Completed] = []

    def push(remote: Remote, branch: str, before: str | None, after: str) -> Completed:
        if pushes:
            lock.unlink()
        pushes.append(really(remote, branch, before, after))
        return pushes[-1]

    second = commit(work, "second")
    with mock.patch.object(Remote, "_push", push):
        assert moved(work, second).after == second
    assert [done.ok for done in pushes] == [False, True]


def test_a_remote_with_another_address_for_pushes_is_read_and_moved_there(
    server: Path, work: Path, tmp_path: Path
) -> None:
    pushed_to = bare(tmp_path / "pushed-to.git")
    git(work, "remote", "set-url", "--push", "origin", str(pushed_to))
    first, second = git(work, "rev-parse", "HEAD"), commit(work, "second")
    assert moved(work, first).changed
    assert moved(work, second).before == first
    assert (at(server), at(pushed_to)) == ("", second)
    # What is there already is not seen at the other address.
    assert remote_of(work).head(BRANCH) == second


OLD, NEW = "a" * 40, "b" * 40
CLOSURE = f"/nix/store/{'0' * 32}-nixos-system-web-25.11"
JOB = Job("", "fleet", "main", "nixosConfigurations.web")


@pytest.fixture
def hydra() -> Hydra:
    hydra = Hydra()
    hydra.built(
        JOB.job, 4711, CLOSURE, e11=f"git+https://git.example.org/fleet?ref=main&rev={OLD}", e12=f"github:o/fleet/{NEW}"
    )
    return hydra


def asked(hydra: Hydra, job: Job = JOB) -> Proof:
    with hydra.serving() as url:
        return last_success(dataclasses.replace(job, url=f"{url}/"), fetch)


def test_the_last_success_is_that_of_the_newest_evaluation_it_is_part_of(hydra: Hydra) -> None:
    proof = asked(hydra)
    assert (proof.revision, proof.closure) == (NEW, CLOSURE)
    assert proof.word.startswith("build 4711 of evaluation 12 at http://127.0.0.1:")
    # Hydra answers browsers too: it has to be told that a program asks, after a redirection as well.
    assert all(line.endswith(" application/json") for line in hydra.asked)


def test_a_job_that_was_never_built_is_told(hydra: Hydra) -> None:
    with fails_with("channel.hydra_not_built"):
        asked(hydra, dataclasses.replace(JOB, job="nixosConfigurations.mail"))


@pytest.mark.parametrize("changes", [{"buildstatus": 1}, {"finished": False, "buildstatus": None}, {"buildstatus": 6}])
def test_a_build_that_has_not_succeeded_moves_nothing(hydra: Hydra, changes: dict[str, t.Any]) -> None:
    hydra.builds[4711].update(changes)
    with fails_with("channel.hydra_not_built"):
        asked(hydra)


def test_a_build_of_no_evaluation_is_refused(hydra: Hydra) -> None:
    hydra.builds[4711]["jobsetevals"] = []
    with fails_with("channel.hydra_not_built"):
        asked(hydra)


def test_a_build_without_the_output_that_is_a_system_is_refused(hydra: Hydra) -> None:
    hydra.builds[4711]["buildoutputs"] = {"doc": {"path": CLOSURE}}
    with fails_with("channel.bad_closure"):
        asked(hydra)


def test_a_jobset_without_a_flake_tells_its_commit_by_an_input(hydra: Hydra) -> None:
    given = {"fleet": {"type": "git", "uri": "https://x", "revision": OLD}, "n": {"type": "nix"}}
    hydra.evaluations[12].update(flake=None, jobsetevalinputs=given)
    assert asked(hydra, dataclasses.replace(JOB, source="fleet")).revision == OLD
    for job in (JOB, dataclasses.replace(JOB, source="nixpkgs")):
        with fails_with("channel.hydra_no_commit"):
            asked(hydra, job)


@pytest.mark.parametrize(
    "flake",
    [
        f"github:owner/fleet/{NEW}",
        f"gitlab:owner/fleet/{NEW}?host=git.example.org",
        f"git+ssh://git@git.example.org/fleet?ref=main&rev={NEW}",
        f"git+https://git.example.org/fleet?rev={NEW}&dir=nix",
    ],
)
def test_a_flake_reference_of_any_kind_tells_its_commit(flake: str) -> None:
    assert revision_of({"id": 1, "flake": flake}, JOB) == NEW


@pytest.mark.parametrize(
    "flake", ["github:owner/fleet", "git+https://git.example.org/fleet", "github:owner/fleet/main"]
)
def test_a_flake_reference_without_a_commit_is_refused(flake: str) -> None:
    with fails_with("channel.hydra_no_commit"):
        revision_of({"id": 1, "flake": flake}, JOB)


@pytest.mark.parametrize("answer", [(500, "oops"), (200, "<html>"), (200, "[]"), (200, "[" * 100_000)])
def test_an_answer_that_is_none_is_told(answer: tuple[int, str]) -> None:
    response = Response(*answer)
    with fails_with("channel.hydra_answer"):
        last_success(JOB, lambda _request: response)


def test_a_hydra_that_does_not_answer_is_told() -> None:
    with fails_with("channel.hydra_away"):
        last_success(dataclasses.replace(JOB, url="http://127.0.0.1:9"), fetch)
