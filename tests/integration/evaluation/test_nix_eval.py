# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_eval by real playbooks and real Nix: hosts together, errors apart, and nothing twice."""

from __future__ import annotations

import json
import subprocess
import typing as t

import pytest

from .project import Project

EACH = {"flake": "{{ nix_flake }}", "attr": "{{ nix_attr }}", "whole_play": True}

FIVE = """{
  a = mk "a" "";
  b = throw "b is broken";
  c = builtins.abort "c gives up";
  d = let x = x; in x;
  e = mk "e" "";
}"""


def hosts(project: Project, names: t.Iterable[str], **variables: t.Any) -> dict[str, dict[str, t.Any]]:
    flake = f"path:{project.flake}"
    return {name: {"nix_flake": flake, "nix_attr": name, "nix_impure": False, **variables} for name in names}


@pytest.mark.parametrize(
    ("strategy", "forks"),
    [
        ("linear", "10"),
        ("host_pinned", "1"),
        *(
            pytest.param(*each, marks=pytest.mark.thorough)
            for each in (("linear", "1"), ("free", "1"), ("free", "10"), ("host_pinned", "10"))
        ),
    ],
)
def test_hosts_are_evaluated_together_and_fail_apart(project: Project, strategy: str, forks: str) -> None:
    project.write_flake(FIVE)
    run = project.run("nix_eval", EACH, hosts(project, "abcde"), "--forks", forks, strategy=strategy)
    assert {name: result["failed"] for name, result in run.results.items()} == {
        "a": False, "b": True, "c": True, "d": True, "e": False,
    }  # fmt: skip
    assert "b is broken" in run.results["b"]["cause"]
    assert "c gives up" in run.results["c"]["cause"]
    assert "infinite recursion" in run.results["d"]["cause"]
    # A process for each that is broken, and one that comes to the end unless a broken one was last; and the flake's
    # revision before and after.
    assert run.calls.count("eval") in (3, 4)
    assert run.calls.count("metadata") == 2


def test_the_lock_file_is_not_written(project: Project) -> None:
    dependency = project.directory / "dependency"
    dependency.mkdir()
    (dependency / "flake.nix").write_text("{ outputs = _: { }; }")
    project.write_flake('{ a = mk "a" ""; }')
    text = (project.flake / "flake.nix").read_text()
    (project.flake / "flake.nix").write_text(
        text.replace("outputs = { self }", f'inputs.d.url = "path:{dependency}"; outputs = {{ self, d }}')
    )
    run = project.run("nix_eval", EACH, hosts(project, "a"))
    assert run.rc == 0, run.output
    assert not (project.flake / "flake.lock").exists()


HOSTILE = [
    'a"b',
    "dots.and-dashes",
    "$(touch pwned)",
    "`touch pwned`",
    '${builtins.abort "pwned"}',
    "'; touch pwned; '",
    "-x",
    "ünïcode",
    "\\",
    "a b\tc",
]


def test_names_are_never_code(project: Project) -> None:
    names = [name for name in HOSTILE if '"' not in name]
    project.write_flake('builtins.mapAttrs (_: n: mk n "") (builtins.fromJSON (builtins.readFile ./names.json))')
    (project.flake / "names.json").write_text(json.dumps({name: f"h{index}" for index, name in enumerate(names)}))
    fleet = {f"h{index}": hosts(project, [f'"{name}"'])[f'"{name}"'] for index, name in enumerate(names)}
    run = project.run("nix_eval", EACH, fleet)
    assert run.rc == 0, run.output
    failed = {name: result.get("cause") for name, result in run.results.items() if result["failed"]}
    assert not failed
    assert all(result["drv_path"].endswith(f"-{name}.drv") for name, result in run.results.items())
    assert run.calls.count("eval") == 1


def test_the_command_of_a_failure_repeats_it(project: Project) -> None:
    project.write_flake(FIVE)
    run = project.run("nix_eval", EACH, hosts(project, "b"))
    done = subprocess.run(["sh", "-c", run.results["b"]["command"]], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "b is broken" in done.stderr


def test_files_are_called_with_arguments_that_are_data(project: Project) -> None:
    (project.directory / "machines.nix").write_text(
        "{ region, count ? 1 }: { web = { inherit region count; }; drv = derivation "
        '{ name = "web"; system = "x86_64-linux"; builder = "/bin/sh"; inherit region; }; }'
    )
    options = {"file": "machines.nix", "args": {"region": '${builtins.abort "x"}', "count": 2}}
    value = project.run("nix_eval", {**options, "attr": "web", "apply": "w: w"}, hosts(project, "a"))
    assert value.results["a"]["value"] == {"region": '${builtins.abort "x"}', "count": 2}
    derivation = project.run("nix_eval", {**options, "attr": "drv"}, hosts(project, "a"))
    assert derivation.results["a"]["drv_path"].endswith("-web.drv")
