# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller without Nix can have its fleet in JSON or YAML."""

from __future__ import annotations

import pytest

from .project import Project


@pytest.mark.parametrize(
    ("name", "text"),
    [("nodes.json", '{"a": {"ips": ["192.0.2.1"]}}'), ("nodes.yml", "a:\n  ips:\n    - 192.0.2.1\n")],
)
def test_data_files_are_read_without_nix(project: Project, name: str, text: str) -> None:
    project.write(name, text)
    project.options(nix_executable="/nowhere/nix", flake="github:example/fleet")
    host = project.hosts()["a"]
    assert host["ansible_host"] == "192.0.2.1"
    assert host["nix_flake"] == "github:example/fleet"
    assert host["nix_attr"] == "nixosConfigurations.a.config.system.build.toplevel"
