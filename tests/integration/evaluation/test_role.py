# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployment role: what differs from host to host is evaluated together where it can be, and never escalated here."""

from __future__ import annotations

import typing as t

from .project import Project

NAMES = "abcdef"
ALL = """{ hosts = builtins.mapAttrs (name: _: mk name "echo $name > $out")
  { a = 0; b = 0; c = 0; d = 0; e = 0; f = 0; other = 0; }; }"""


def each(**variables: t.Any) -> dict[str, dict[str, t.Any]]:
    return {name: dict(variables) for name in NAMES}


def names_of(derivations: dict[str, str]) -> dict[str, str]:
    return {host: path.rpartition("-")[2].removesuffix(".drv") for host, path in derivations.items()}


def test_an_attribute_of_a_hosts_own_is_evaluated_with_the_others(project: Project) -> None:
    project.write_flake(ALL)
    fleet = {name: {"nix_flake": f"path:{project.flake}", "nix_attr": f"hosts.{name}"} for name in NAMES}
    fleet["b"]["nix_attr"] = "hosts.other"
    run = project.run_role({}, fleet)
    assert names_of(run.evaluated) == {name: name for name in NAMES} | {"b": "other"}, run.output
    assert run.calls.count("eval") == 1


def test_a_host_with_an_override_of_its_own_is_evaluated_with_it_and_apart(project: Project) -> None:
    for text in ("one", "two"):
        (project.directory / text).mkdir()
        (project.directory / text / "flake.nix").write_text(f'{{ outputs = _: {{ text = "{text}"; }}; }}')
    project.write_flake(
        'builtins.mapAttrs (_: _: mk d.text "echo $name > $out") { a = 0; b = 0; c = 0; d = 0; e = 0; f = 0; }'
    )
    flake = project.flake / "flake.nix"
    flake.write_text(
        flake.read_text().replace(
            "outputs = { self }", f'inputs.d.url = "path:{project.directory}/one"; outputs = {{ self, d }}'
        )
    )
    fleet: dict[str, dict[str, t.Any]] = {
        name: {"nix_flake": f"path:{project.flake}", "nix_attr": name} for name in NAMES
    }
    fleet["c"]["deploy_override_inputs"] = {"d": f"path:{project.directory}/two"}
    run = project.run_role({}, fleet)
    assert names_of(run.evaluated) == dict.fromkeys(NAMES, "one") | {"c": "two"}, run.output
    assert run.calls.count("eval") == 2


def test_nothing_is_escalated_on_the_controller_whatever_is_said_of_all_hosts(project: Project) -> None:
    project.write_flake(ALL)
    sudo = project.directory / "sudo"
    sudo.write_text("#!/bin/sh\nexit 1\n")
    sudo.chmod(0o755)
    escalated = {"ansible_become": True, "ansible_become_exe": str(sudo), "ansible_become_user": "nobody"}
    variables = {"deploy_flake": f"path:{project.flake}", "nix_attr": "hosts.{{ inventory_hostname }}"}
    run = project.run_role(variables, each(), of_all=escalated)
    assert run.rc == 0, run.output
    assert names_of(run.evaluated) == {name: name for name in NAMES}, run.output
    assert run.calls.count("eval") == 1
    assert len(run.built) == len(NAMES)
