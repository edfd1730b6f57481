# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a host is evaluated and built when nobody says so."""

from __future__ import annotations

import pathlib

import jinja2
import pytest
import yaml

ROLES = pathlib.Path(__file__).resolve().parents[3] / "roles"


def default(role: str, variable: str, **variables: str) -> str:
    """Return the default of a role's variable, as it is for a host with ``variables``."""
    template = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())[variable]
    return jinja2.Template(template).render(**variables)


@pytest.mark.parametrize(
    ("platform", "build", "evaluate"),
    [
        ("nix-on-droid", "target", "builder"),
        ("nixos", "controller", "controller"),
        ("darwin", "controller", "controller"),
    ],
)
def test_only_what_a_phone_alone_can_evaluate_is_evaluated_there(platform: str, build: str, evaluate: str) -> None:
    assert default("deploy", "deploy_build_on", nix_platform=platform) == build
    assert default("deploy", "deploy_evaluate_on", nix_platform=platform) == evaluate
