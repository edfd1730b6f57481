# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's inventory cache is honoured, and what is in it is never older than the fleet."""

from __future__ import annotations

import typing as t

import pytest

from .project import Project


@pytest.fixture
def cached(project: Project) -> Project:
    """Return a project with a fleet in it."""
    return project.take("nodes")


def options(project: Project, **more: t.Any) -> None:
    project.options(
        nix_executable=project.counting(),
        cache=True,
        cache_plugin="ansible.builtin.jsonfile",
        cache_connection=str(project.directory.parent / "cache"),
        **more,
    )


def test_a_file_is_evaluated_once_until_something_that_it_reads_changes(cached: Project) -> None:
    options(cached)
    first = cached.load()
    assert cached.calls() == ["eval"]
    assert cached.load() == first
    assert cached.calls() == []

    cached.write("data.nix", '{ text = "new"; }')
    assert cached.hosts()["phone"]["data"] == {"text": "new"}
    assert cached.calls() == ["eval"]
    cached.hosts()
    assert cached.calls() == []


def test_an_input_that_is_overridden_counts(project: Project) -> None:
    project.write("other/flake.nix", '{ outputs = _: { address = "192.0.2.1"; }; }')
    project.write(
        "flake.nix",
        """{
          inputs.other.url = "path:/nowhere";
          outputs = { other, ... }: { fleet.nodes.a.ips = [ other.address ]; };
        }""",
    )
    options(project, override_inputs={"other": "path:./other"})
    assert project.hosts()["a"]["ansible_host"] == "192.0.2.1"
    project.calls()
    project.write("other/flake.nix", '{ outputs = _: { address = "192.0.2.2"; }; }')
    assert project.hosts()["a"]["ansible_host"] == "192.0.2.2"
