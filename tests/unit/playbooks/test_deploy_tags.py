# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that is told by a tag to do what needs a build, and not to build, does not say that all is well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Of the ansible-core that the tests run on.
ANSIBLE_PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))

HOST = ("-e", "deploy_flake=/nowhere", "-e", "deploy_attr=nowhere")


LACKING = "tags leave out what this task needs. Add to --tags, or take out of --skip-tags: build"
# What Ansible has to say of itself in front of a message.
ANSIBLES_OWN = ("filter plugin", "Error while", "Finalization", "undefined")


def deployed(tag: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Deploy to a host that there is not, with one tag alone: nothing of it would be reached by Nix or by ssh."""
    return subprocess.run(
        [ANSIBLE_PLAYBOOK, "nix.fleet.deploy", "-i", "nowhere.invalid,", "--tags", tag, *HOST, *arguments],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".venv/collections"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "tag",
    [
        "keys",
        *(pytest.param(tag, marks=pytest.mark.thorough) for tag in ("copy", "cache", "activate", "health", "reboot")),
    ],
)
def test_a_tag_that_needs_a_build_fails_without_one(tag: str) -> None:
    done = deployed(tag)
    assert done.returncode == 2, done.stdout + done.stderr
    assert LACKING in " ".join(done.stdout.split())
    assert not [words for words in ANSIBLES_OWN if words in done.stdout]


@pytest.mark.parametrize(
    "tag", ["activate", *(pytest.param(tag, marks=pytest.mark.thorough) for tag in ("copy", "cache"))]
)
def test_a_tag_that_needs_a_build_fails_where_there_is_an_evaluation_alone(tag: str) -> None:
    evaluated = json.dumps({"deploy_evaluation": {"drv_path": "/nowhere.drv", "activation": {"outcome": "needed"}}})
    done = deployed(tag, "-e", evaluated)
    assert done.returncode == 2, done.stdout + done.stderr
    assert LACKING in " ".join(done.stdout.split())
    assert not [words for words in ANSIBLES_OWN if words in done.stdout]


def test_a_tag_that_is_none_of_a_deployment_does_nothing() -> None:
    done = deployed("of_somebody_else")
    assert done.returncode == 0, done.stdout + done.stderr
