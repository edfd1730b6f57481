# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A large fleet loads in little more than its one evaluation."""

from __future__ import annotations

import resource

import pytest

from .project import Project

pytestmark = pytest.mark.thorough

NODES = 1000
# What a node may cost beyond Ansible's own start. Of the processor's time, since a machine may have other things to do.
SECONDS_A_NODE = 0.003

FLEET = """
{
  roles.web = {
    system = "x86_64-linux";
    tags = [ "vps" ];
    domains = [ "a.example" "b.example" ];
    targets = builtins.listToAttrs (builtins.genList (n: {
      name = "vps-${toString n}";
      value = { ips = [ "192.0.2.1" "198.51.100.1" ]; ssh.user = "deploy"; page.title = "${toString n}"; };
    }) COUNT);
  };
}
"""


def spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def seconds(project: Project, count: int) -> float:
    project.write("nodes.nix", FLEET.replace("COUNT", str(count)))
    began = spent()
    outcome = project.run("--graph")
    assert outcome.rc == 0, outcome.stderr
    assert outcome.stdout.count("--vps-") == 4 * count
    return spent() - began


def test_a_thousand_nodes_load_in_seconds_with_one_evaluation(project: Project) -> None:
    project.options(nix_executable=project.counting())
    one = seconds(project, 1)
    project.calls()
    many = seconds(project, NODES)
    assert project.calls() == ["eval"]
    assert many - one < NODES * SECONDS_A_NODE
