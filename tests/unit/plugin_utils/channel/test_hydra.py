# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Hydra has built is read as it documents it, from a server that holds itself to the recorded schema."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.ansible.web import fetch
from ansible_collections.nix.fleet.plugins.plugin_utils.channel.channel import Job, Proof, last_success, revision_of
from ansible_collections.nix.fleet.plugins.plugin_utils.health.web import Response

from ...errors import fails_with
from .hydra_server import Hydra

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
