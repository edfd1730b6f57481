# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that is told by a tag to do what needs a build, and not to build, does not say that all is well."""

from __future__ import annotations

import json
import re
import subprocess
import typing as t
from pathlib import Path

import pytest

from ..playbook import ROOT, run_playbook

HOST = ("-e", "deploy_flake=/nowhere", "-e", "nix_attr=nowhere")


def deployed(tag: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Deploy to a host that there is not, with one tag alone: nothing of it would be reached by Nix or by ssh."""
    return run_playbook("nix.fleet.deploy", "-i", "nowhere.invalid,", "--tags", tag, *HOST, *arguments)


@pytest.mark.parametrize("tag", ["activate", *(pytest.param(tag, marks=pytest.mark.thorough) for tag in ("copy",))])
@pytest.mark.parametrize("evaluation", [{}, {"deploy_evaluation": {"drv_path": "/nowhere.drv"}}])
def test_a_tag_that_needs_a_build_fails_without_one(tag: str, evaluation: dict[str, t.Any]) -> None:
    done = deployed(tag, "-e", json.dumps(evaluation))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "deploy_build" in done.stdout


@pytest.mark.parametrize(
    ("tag", "variables"),
    [("reboot", {"deploy_reboot": "if_required"}), ("keys", {"deploy_keys": [{"name": "token", "content": "x"}]})],
)
def test_a_tag_that_needs_no_build_reaches_the_host(tag: str, variables: dict[str, t.Any]) -> None:
    done = deployed(tag, "-e", json.dumps(variables))
    assert done.returncode == 4, done.stdout + done.stderr


def test_a_host_is_brought_the_keys_that_it_has_not_been_brought(tmp_path: Path) -> None:
    rebooted = {"rebooted": True}
    cases = [
        ({}, "any"),
        ({"deploy_activation": {"outcome": "unchanged"}}, "any"),
        ({"deploy_activation": {"outcome": "confirmed"}, "deploy_rebooting": {"skipped": True}}, "none"),
        ({"deploy_activation": {"outcome": "confirmed"}, "deploy_rebooting": rebooted}, "any"),
        ({"deploy_activation": {"outcome": "activated"}, "deploy_rebooting": {"rebooted": False}}, "post-activation"),
    ]
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": [str(ROOT / "roles/deploy/vars/main.yml")],
        "tasks": [
            {"ansible.builtin.assert": {"that": f"_deploy_keys_left == '{expected}'"}, "vars": known}
            for known, expected in cases
        ],
    }
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    done = run_playbook("-i", "localhost,", tmp_path / "play.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("cleared", [None, ""])
def test_a_cleared_answer_of_a_survey_is_none(cleared: str | None) -> None:
    answers = {"deploy_goal": cleared, "deploy_reboot": cleared, "deploy_revision": cleared}
    keys = {"deploy_keys": [{"name": "token", "content": "x"}]}
    done = deployed("keys", "-e", json.dumps({**keys, **answers}))
    assert done.returncode == 4, done.stdout + done.stderr


def test_all_tags_are_listed() -> None:
    listed = deployed("all", "--list-tags").stdout
    assert {tag for line in re.findall(r"TASK TAGS: \[(.*)\]", listed) for tag in line.split(", ")} >= {
        *("evaluate", "build", "copy", "cache", "activate", "keys", "health", "reboot")
    }
