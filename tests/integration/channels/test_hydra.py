# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's branch follows what a Hydra has built, which answers as its recorded API says; nothing is built by the run."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.nix.fleet.tests.unit.plugin_utils.channel.hydra_server import Hydra

from .conftest import Clone

pytestmark = pytest.mark.thorough
CLOSURE = f"/nix/store/{'0' * 32}-nixos-system-web-25.11"


def test_a_branch_moves_to_what_hydra_has_built_and_a_job_without_a_success_moves_none(clone: Clone) -> None:
    built = clone.commit()
    clone.work.git("push", "--quiet", "origin", "HEAD:main")
    clone.commit()
    hydra = Hydra()
    hydra.built("web", 7, CLOSURE, e3=f"git+https://git.example.org/fleet?ref=main&rev={built}")
    with hydra.serving() as url:
        job: dict[str, t.Any] = {"url": url, "project": "fleet", "jobset": "main", "job": "{{ inventory_hostname }}"}
        run = clone.channel(channel_hydra=job)
    assert run.hosts(failed=1) == {"mail"}
    assert "Hydra has never built fleet:main:mail" in run.output
    assert clone.branches == {"nixos-tested-web": built}
