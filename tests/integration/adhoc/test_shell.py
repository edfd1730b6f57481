# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_shell runs commands and packages on every kind of host of the rehearsal fleet, none of which has Python."""

from __future__ import annotations

import json
import secrets
import typing as t
from pathlib import Path

import pytest

from ..fleet.adhoc import Fleet
from ..fleet.lab import HOSTS, lab, new_fleet, on
from ..fleet.project import Project
from ..secrecy.processes import Onlooker

MODULE = "nix_shell"
# Who runs commands by the project's own variables, which escalate where that can be done.
USERS = {"workstation": "alice", "phone": "nix-on-droid"}

# Without any input, so that everybody can evaluate it.
FLAKE = """{
  outputs = { self }: {
    packages.x86_64-linux.hello = derivation {
      name = "hello-1.0";
      system = "x86_64-linux";
      builder = "/bin/sh";
      args = [ "-c" "PATH=/usr/bin:/bin; mkdir -p $out/bin; cp $program $out/bin/hello; chmod +x $out/bin/hello" ];
      program = ./hello;
    };
  };
}
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Return the whole named fleet."""
    new_fleet(*HOSTS)
    return Fleet(Project.copied_to(tmp_path_factory.mktemp("project")))


@pytest.fixture
def package(tmp_path: Path) -> str:
    """Return a new package of a flake on the controller."""
    flake = tmp_path / "flake"
    flake.mkdir()
    (flake / "flake.nix").write_text(FLAKE)
    (flake / "hello").write_text(f'#!/bin/sh\n# {secrets.token_hex(8)}\necho "hello $1 from $(id -un)"\n')
    return f"path:{flake}#hello"


def test_a_line_of_sh_runs_on_every_host_and_tells_what_it_prints_apart(fleet: Fleet) -> None:
    done = fleet.tell("all", MODULE, "nix --version; id -un; echo no >&2; exit 3")
    assert set(done) == set(HOSTS)
    for host, result in done.items():
        version, user = result["stdout_lines"]
        assert version.startswith("nix (Nix) 2."), result
        assert (user, result["stderr"], result["rc"]) == (USERS.get(host, "root"), "no", 3)
        assert (result["failed"], result["changed"], result["msg"]) == (True, True, "non-zero return code")


@pytest.mark.thorough
def test_without_escalation_it_is_the_login_that_runs_it(fleet: Fleet) -> None:
    done = fleet.tell("vps-de-1,macbook", MODULE, "id -un", "-e", "ansible_become=false")
    assert {host: result["stdout"] for host, result in done.items()} == {"vps-de-1": "deploy", "macbook": "admin"}


def test_a_package_of_a_flake_is_built_and_copied_and_run(fleet: Fleet, package: str) -> None:
    first = fleet.ask("vps-sg-1", MODULE, package=package, argv=["hello", "a b"])
    assert (first["stdout"], first["rc"]) == ("hello a b from root", 0), first
    (path,) = first["package_paths"]
    assert path.endswith("-hello-1.0")
    alone = fleet.ask("vps-sg-1", MODULE, package=package)
    assert alone["stdout"] == "hello  from root"


@pytest.mark.thorough
def test_another_host_builds_it_or_the_host_itself(fleet: Fleet, package: str) -> None:
    # The builder has the flake, and the controller has no part in it.
    source = package.partition(":")[2].partition("#")[0]
    for host in ("homelab", "phone"):
        text = {name: Path(source, name).read_text() for name in ("flake.nix", "hello")}
        script = 'mkdir -p /tmp/flake; printf %s "$1" >/tmp/flake/flake.nix; printf %s "$2" >/tmp/flake/hello'
        on(host, f"{script}; chmod -R a+rX /tmp/flake", text["flake.nix"], text["hello"])
    there = "path:/tmp/flake#packages.x86_64-linux.hello"
    for host in ("vps-de-1", "macbook"):
        done = fleet.ask(host, MODULE, "--become", package=there, build_on="homelab", cmd="hello you")
        assert done["stdout"] == "hello you from root", done
    # Of a phone's own system, by name.
    own = "path:/tmp/flake#packages.x86_64-linux.hello.drvPath"
    evaluated = fleet.ask("phone", MODULE, cmd=f"nix eval --raw {own}")
    assert evaluated["stdout"].endswith("-hello-1.0.drv"), evaluated


@pytest.mark.thorough
def test_a_package_that_is_none_or_does_not_build_is_an_error_with_its_cause(fleet: Fleet, package: str) -> None:
    none = fleet.ask("vps-sg-1", MODULE, package="htop")
    assert "name the flake and the attribute" in none["advice"]
    missing = fleet.ask("vps-sg-1", MODULE, package=f"{package}-missing")
    assert (missing["stage"], missing["failed"]) == ("build", True)
    assert "hello-missing" in missing["msg"]


@pytest.mark.thorough
def test_a_check_runs_nothing_and_says_what_it_would_do(fleet: Fleet, package: str) -> None:
    marker = f"/tmp/marker-{secrets.token_hex(4)}"
    would = fleet.ask("vps-sg-1", MODULE, "--check", cmd=f"touch {marker}", creates=marker)
    assert (would["changed"], would["msg"]) == (True, "Command would have run if not in check mode")
    unknown = fleet.ask("vps-sg-1", MODULE, "--check", package=package)
    assert "vps-sg-1 | SKIPPED" in unknown["printed"]
    assert on("vps-sg-1", f"test -e {marker} || echo none") == "none"
    first, again = (fleet.ask("vps-sg-1", MODULE, cmd=f"touch {marker}", creates=marker) for _time in range(2))
    assert (first["changed"], again["changed"]) == (True, False)
    assert again["msg"] == f"Did not run command since '{marker}' exists"


@pytest.mark.thorough
def test_input_and_environment_are_on_no_command_line(fleet: Fleet) -> None:
    secret = f"secret-{secrets.token_hex(8)}"
    with Onlooker([secret]) as onlooker:
        done = fleet.ask("vps-de-1", MODULE, "--become", cmd="wc -c; sleep 1", stdin=secret)
    assert done["stdout"].strip() == str(len(secret) + 1)
    on_command_lines = [sighting for sighting in onlooker.sightings if sighting.where == "command line"]
    # That of `ansible`, to which it was given so.
    assert not [sighting for sighting in on_command_lines if "ansible" not in sighting.command]


@pytest.mark.thorough
def test_time_ends_it_on_the_host_too(fleet: Fleet) -> None:
    number = secrets.randbelow(10_000) + 100_000
    for host in ("vps-sg-1", "macbook", "phone"):
        done = fleet.ask(host, MODULE, cmd=f"echo begun; sleep {number}", timeout=1)
        assert (done["failed"], done["stdout"]) == (True, "begun"), done
        assert "no end after 1 s" in done["msg"]
        assert on(host, f"grep -lz '[s]leep.{number}' /proc/[0-9]*/cmdline 2>/dev/null || echo none") == "none"


@pytest.mark.thorough
def test_what_ansible_takes_for_an_option_is_explained(fleet: Fleet) -> None:
    done = fleet.tell("vps-sg-1", MODULE, "LANG=C nix --version")
    assert "Give the command as cmd" in done["vps-sg-1"]["msg"]


@pytest.mark.thorough
def test_a_playbook_has_it_like_any_other_command(fleet: Fleet) -> None:
    tasks: list[dict[str, t.Any]] = [
        {"nix.fleet.nix_shell": "pwd", "args": {"chdir": "/var"}, "register": "where", "changed_when": False},
        {"nix.fleet.nix_shell": {"argv": ["sh", "-c", 'echo "$GREETING"']}, "register": "greeting"},
        {"ansible.builtin.assert": {"that": ["where.stdout == '/var'", "greeting.stdout_lines == ['a b']"]}},
        {"nix.fleet.nix_shell": "exit 4", "register": "code", "failed_when": "code.rc != 4"},
    ]
    play = {"hosts": "vps-sg-1", "gather_facts": False, "environment": {"GREETING": "a b"}, "tasks": tasks}
    (fleet.project.root / "shell.yml").write_text(json.dumps([play]))
    run = fleet.project.run("shell.yml")
    assert (run.rc, run.counts("vps-sg-1")["changed"]) == (0, 2), run.output


@pytest.mark.thorough
def test_a_host_that_cannot_be_reached_is_unreachable(fleet: Fleet) -> None:
    lab("cut", "--reset", "vps-sg-2")
    try:
        assert "vps-sg-2 | UNREACHABLE!" in fleet.ask("vps-sg-2", MODULE, cmd="true")["printed"]
    finally:
        lab("heal", "vps-sg-2")
