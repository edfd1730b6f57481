# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build hands on what may be deployed after it, and that is no revision at all where none was built."""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.nix.fleet.plugins.plugin_utils.core.errors import EvaluationError
from ansible_collections.nix.fleet.plugins.plugin_utils.evaluation.request import named_revisions

from ..playbook import run_playbook

# What Ansible does with tags and with what is undefined differs from version to version.
pytestmark = pytest.mark.versions

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def built(*arguments: str, playbook: str = "nix.fleet.build", **variables: t.Any) -> subprocess.CompletedProcess[str]:
    """Return how a build of two hosts ended."""
    variables = {"deploy_flake": "/nowhere", "nix_attr": "nowhere", **variables}
    return run_playbook(
        *(playbook, "-i", "one,two,", "-e", json.dumps(variables), *arguments),
        # Where no ansible.cfg says how results are shown.
        cwd=Path(__file__).parent,
        ANSIBLE_SHOW_CUSTOM_STATS="1",
    )


def handed_on(*arguments: str, evaluation: dict[str, t.Any] | None = None) -> list[str]:
    """Return the revisions that a build of two hosts hands on, of which nothing is evaluated but what is given."""
    variables: dict[str, t.Any] = {} if evaluation is None else {"deploy_evaluation": evaluation}
    done = built(*arguments, **variables)
    return t.cast("list[str]", statistics(done)["deploy_revision"])


def statistics(done: subprocess.CompletedProcess[str]) -> dict[str, t.Any]:
    """Return all that a build hands on."""
    assert done.returncode == 0, done.stdout + done.stderr
    return t.cast("dict[str, t.Any]", json.loads(done.stdout.partition("RUN: ")[2]))


@pytest.mark.parametrize("chosen", [("--tags", "activate"), ("--skip-tags", "evaluate,build")])
def test_where_tags_have_nothing_evaluated_a_deployment_refuses_what_is_handed_on(chosen: tuple[str, str]) -> None:
    revisions = handed_on(*chosen)
    assert revisions == ["nothing was evaluated"]
    with pytest.raises(EvaluationError, match="nothing was evaluated"):
        named_revisions(revisions)


HASH = "sha256-QIYNNNnop0Vqgn/RoC+I0m+hUL/ecg6qB3fLTVXBgc0="


# A job of AWX has the commit from the server, and of the files no more than their hash.
@pytest.mark.parametrize(
    ("identity", "revision", "revisions"),
    [
        (COMMIT, COMMIT, [COMMIT]),
        (HASH, COMMIT, [HASH, COMMIT]),
        (HASH, None, [HASH]),
        (None, f"{COMMIT}-dirty", ["uncommitted changes"]),
    ],
)
def test_what_was_evaluated_is_handed_on_once(identity: str | None, revision: str | None, revisions: list[str]) -> None:
    evaluation = {"flake_identity": identity, "flake_revision": revision}
    assert handed_on("--tags", "of_somebody_else", evaluation=evaluation) == revisions


def test_the_workflow_of_awx_is_handed_on_so_that_slices_in_it_go_back_by_its_name() -> None:
    assert statistics(built("--tags", "activate", awx_workflow_job_id=17))["fleet_workflow_job_id"] == 17
    assert "fleet_workflow_job_id" not in statistics(built("--tags", "activate"))


def test_a_build_that_is_told_to_deploy_is_refused() -> None:
    done = built(deploy_goal="switch")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "this playbook only builds" in done.stdout


@pytest.mark.parametrize("playbook", ["nix.fleet.build", "nix.fleet.diff", "nix.fleet.update"])
def test_hosts_that_are_deployed_only_when_named_are_built_without(tmp_path: Path, playbook: str) -> None:
    (tmp_path / "hosts").write_text("one deploy_require_limit=true\ntwo deploy_require_limit=true\n")
    done = built("-i", str(tmp_path / "hosts"), playbook=playbook, update_flake="/nowhere")
    assert "/nowhere" in done.stdout
    assert "no_limit" not in done.stdout
