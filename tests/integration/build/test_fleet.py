# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_build on other machines: each kind of host of the rehearsal fleet, by the login that it allows."""

from __future__ import annotations

import subprocess
import typing as t

import pytest

from ..evaluation.project import ROOT, Project
from ..fleet.lab import HOSTS, home, lab, new_fleet, on

DRV = {"drv_path": "{{ evaluated.drv_path }}"}

# On each host its own system, which the stand-ins of macOS and Android only believe to be.
OUTPUTS = """builtins.listToAttrs (map (name: {
    inherit name;
    value = rec {
      d = name': script: builtins.derivation {
        name = name'; system = name; builder = "/bin/sh"; args = [ "-c" script ]; inherit salt;
      };
      library = d "library" "echo library >$out";
      good = d "good" "read line <${./file}; test -e ${library}; echo $line >$out";
    };
  }) [ "x86_64-linux" "aarch64-linux" "aarch64-darwin" ])"""


class Elsewhere(Project):
    """A project whose hosts are those of the rehearsal fleet."""

    def _command(self, *given: t.Any) -> list[str]:
        command = super()._command(*given)
        return [word if word != str(self.directory / "hosts.yml") else str(home() / "inventory/fleet.nix.yml") for word in command]  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}


@pytest.fixture(scope="module", autouse=True)
def _fleet() -> None:
    new_fleet(*HOSTS)


@pytest.fixture
def elsewhere(project: Project) -> Elsewhere:
    """Return a project with one small derivation a system, new in every test."""
    project.write_flake(OUTPUTS, file="content\n")
    return Elsewhere(project.directory)


def evaluate(project: Project, attribute: str, system: str = "{{ nix_system }}") -> dict[str, t.Any]:
    """Return the task that evaluates a derivation on the controller, as a task before the one that builds."""
    return {
        "nix.fleet.nix_eval": {"flake": f"path:{project.flake}", "attr": f"{system}.{attribute}"},
        "delegate_to": "localhost",
        "become": False,
        "register": "evaluated",
    }


def build(project: Elsewhere, attribute: str, hosts: t.Sequence[str], *arguments: str, **task: t.Any) -> t.Any:
    """Build where the hosts are, or where the task says."""
    before = evaluate(project, attribute, task.pop("system", "{{ nix_system }}"))
    given = {"delegate_to": "{{ inventory_hostname }}", **task}
    return project.run("nix_build", DRV, {host: {} for host in hosts}, "-l", ",".join(hosts), *arguments, before=[before], **given)  # fmt: skip


def test_every_kind_of_host_builds_for_itself_once(elsewhere: Elsewhere) -> None:
    would = build(elsewhere, "good", HOSTS, "--check")
    assert all(result["changed"] for result in would.results.values()), would.output
    first = build(elsewhere, "good", HOSTS)
    assert {host: result["built"] for host, result in first.results.items()} == dict.fromkeys(HOSTS, 2), first.output
    # The login of workstation is none that its Nix trusts: it would warn of a setting that is sent there.
    assert not any(result.get("warnings") for result in first.results.values()), first.output
    for host, result in first.results.items():
        assert on(host, 'cat "$1"', result["out_path"]) == "content"
    again = build(elsewhere, "good", HOSTS)
    assert {host: result["changed"] for host, result in again.results.items()} == dict.fromkeys(HOSTS, False)


@pytest.mark.parametrize("host", ["vps-de-1", "macbook", "phone"])
def test_what_a_host_built_is_kept_from_its_garbage_collector(elsewhere: Elsewhere, host: str) -> None:
    result = build(elsewhere, "library", [host]).results[host]
    script = 'PATH="$PATH:/nix/var/nix/profiles/default/bin:/opt/nix/bin"; nix-store --query --roots "$1"'
    assert f"nix.fleet/gcroots/built/{host}" in on(host, script, result["out_path"])


def test_a_host_builds_for_another_and_the_controller_does_not(elsewhere: Elsewhere) -> None:
    run = build(elsewhere, "good", ["vps-sg-1"], delegate_to="homelab")
    out = run.results["vps-sg-1"]["out_path"]
    assert on("homelab", 'cat "$1"', out) == "content"
    assert subprocess.run(["test", "-e", out], check=False).returncode == 1
    assert on("vps-sg-1", 'test -e "$1" || echo no', out) == "no"


def test_a_flake_is_evaluated_and_built_where_it_is(elsewhere: Elsewhere) -> None:
    flake = elsewhere.flake / "flake.nix"
    write = 'mkdir -p /tmp/fleet; printf %s "$1" >/tmp/fleet/flake.nix; echo content >/tmp/fleet/file'
    lab("exec", "homelab", "--", "/bin/sh", "-c", write, "sh", flake.read_text())
    options = {"installables": ["path:/tmp/fleet#x86_64-linux.good"]}
    for changed in (True, False):
        run = elsewhere.run("nix_build", options, {"homelab": {}}, "-l", "homelab", delegate_to="homelab")
        assert run.results["homelab"]["changed"] is changed, run.output
    assert on("homelab", 'cat "$1"', run.results["homelab"]["out_path"]) == "content"
