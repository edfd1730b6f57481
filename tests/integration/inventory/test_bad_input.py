# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be used is refused whole, in one message that names the file and the node."""

from __future__ import annotations

import typing as t

import pytest

from .project import Project

ADDRESS = 'ips = [ "192.0.2.1" ];'

# What is wrong with a node is known without Nix: tests/cases/nodes and the unit tests have that.
IN_NIX = {
    "syntax error": ("{ a = ", "syntax error, unexpected end of file ({file}:1:7)"),
    "missing attribute": (f"{{ a = {{ {ADDRESS} x = {{ }}.y; }}; }}", "at a.x: attribute 'y' missing ({file}:1:"),
    "endless": ("let x = x; in x", "infinite recursion encountered"),
    "function": (f"{{ a = {{ {ADDRESS} f = x: x; }}; }}", "at a.f: is a function; an inventory is data"),
    "derivation": (
        f'{{ a = {{ {ADDRESS} d = derivation {{ name = "x"; system = "x"; builder = "/x"; }}; }}; }}',
        "at a.d: is a derivation or a flake; an inventory is data",
    ),
    "shell in a name": (f'{{ "$(touch created)" = {{ {ADDRESS} }}; }}', "node $(touch created): its name cannot be"),
}


@pytest.mark.parametrize(("text", "message"), IN_NIX.values(), ids=IN_NIX)
def test_a_nix_file_is_refused(project: Project, text: str, message: str) -> None:
    file = project.write("nodes.nix", text)
    project.options(nodes="nodes.nix")
    refusal = project.refusal()
    assert f"inventory: {file}: " in refusal
    assert message.format(file=file, directory=project.directory) in refusal
    assert not (project.directory / "created").exists()


IN_FLAKES = {
    "missing output": ("{ }", {"nodes": "#fleet.nodes"}, 'there is no attribute "fleet"'),
    "thrown in a hive": (
        '{ colmenaHive.deploymentConfig = throw "no hive"; }',
        {},
        "no hive ({directory}/flake.nix:",
    ),
    "thrown in deploy": (
        '{ deploy.nodes.a = { hostname = "h"; profiles.p.user = throw "no user"; }; }',
        {},
        "at node a, profile p.user: no user",
    ),
}


@pytest.mark.parametrize(("outputs", "options", "message"), IN_FLAKES.values(), ids=IN_FLAKES)
def test_a_flake_is_refused(project: Project, outputs: str, options: dict[str, t.Any], message: str) -> None:
    project.write("flake.nix", f"{{ outputs = _: {outputs}; }}")
    project.options(**options)
    refusal = project.refusal()
    assert f"inventory: {project.directory}" in refusal
    assert message.format(directory=project.directory) in refusal


IN_OPTIONS = {
    "misspelt": ({"node": "nodes.nix"}, "node is not an option of nix.fleet.nix_inventory"),
    "time": ({"nodes": "slow.nix", "timeout": 0.2}, "took longer than 0.2 seconds"),
}


@pytest.mark.parametrize(("options", "message"), IN_OPTIONS.values(), ids=IN_OPTIONS)
def test_options_are_refused(project: Project, options: dict[str, t.Any], message: str) -> None:
    project.write("slow.nix", "builtins.foldl' (a: b: a + b) 0 (builtins.genList (n: n) 100000000)")
    project.options(**options)
    assert message.format(directory=project.directory) in project.refusal()
