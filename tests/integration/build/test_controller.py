# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_build on the controller, by real playbooks and real Nix."""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

import pytest

from ..evaluation.project import Project, interrupt, running, wait_until

HOST = {"web": {"nix_attr": "good"}}
LONG = "sleep 98713"

OUTPUTS = f"""rec {{
  library = mk "library" "echo library >$out";
  good = mk "good" "echo good; test -e ${{library}}; echo good >$out";
  bad = mk "bad" "echo looking for the flux; echo no flux capacitor >&2; exit 3";
  worse = mk "worse" "exit 4";
  both = mk "both" "echo ${{bad}} ${{worse}} ${{good}} >$out";
  foreign = derivation {{
    name = "foreign"; system = "aarch64-darwin"; builder = "/bin/sh"; inherit salt;
  }};
  two = derivation {{
    name = "two"; system = "x86_64-linux"; builder = "/bin/sh"; inherit salt;
    outputs = [ "out" "dev" ]; args = [ "-c" "echo >$out; echo >$dev" ];
  }};
  long = mk "long" "PATH=/bin:/usr/bin; exec {LONG}";
}}"""


def build(project: Project, attribute: str, *arguments: str, **options: t.Any) -> dict[str, t.Any]:
    """Build an attribute of the project's flake, and return the host's result."""
    project.write_flake(OUTPUTS)
    given = {"flake": f"path:{project.flake}", "attr": attribute, **options}
    run = project.run("nix_build", given, HOST, *arguments)
    assert "web" in run.results, run.output
    return {**run.results["web"], "calls": run.calls, "output": run.output}


def root(project: Project) -> Path:
    return project.directory / "state" / "nix.fleet" / "gcroots" / "built" / "web"


def test_what_is_missing_is_built_and_what_is_there_is_not(project: Project) -> None:
    first = build(project, "good")
    assert first["changed"]
    assert (first["built"], first["fetched"]) == (2, 0)
    assert Path(first["out_path"]).read_text() == "good\n"
    assert first["drv_path"].endswith("-good.drv")
    again = build(project, "good")
    assert not again["changed"]
    assert again["built"] == 0
    assert again["out_path"] == first["out_path"]


def test_check_mode_says_what_would_be_built_and_builds_nothing(project: Project) -> None:
    would = build(project, "good", "--check")
    # The report is not written in check mode.
    assert would["changed"]


def test_the_result_is_kept_from_the_garbage_collector(project: Project) -> None:
    result = build(project, "good")
    assert str(root(project).readlink()) == result["out_path"]
    roots = subprocess.run(
        ["nix-store", "--query", "--roots", result["out_path"]], capture_output=True, text=True, check=True
    )
    assert str(root(project)) in roots.stdout


def test_a_root_can_be_given_or_left_out(project: Project) -> None:
    result = build(project, "good", gc_root=str(project.directory / "my" / "root"))
    assert str((project.directory / "my" / "root").readlink()) == result["out_path"]
    build(project, "library", gc_root="none")
    assert not root(project).exists()


def test_a_failed_derivation_is_named_with_its_own_log(project: Project) -> None:
    result = build(project, "both")
    assert result["cause"] == "bad did not build: builder failed with exit code 3"
    assert result["log"] == "looking for the flux\nno flux capacitor"
    assert "nix-store --read-log" in result["advice"]
    assert not result["changed"]


def test_what_can_be_built_is_built_when_told_to_go_on(project: Project) -> None:
    result = build(project, "both", keep_going=True)
    assert len(result["failed_derivations"]) == 2
    assert build(project, "good")["built"] == 0


def test_a_foreign_system_is_told_where_to_build(project: Project) -> None:
    result = build(project, "foreign")
    assert "aarch64-darwin" in result["cause"]
    assert "deploy_build_on: target" in result["advice"]


def test_all_outputs_are_returned_by_name(project: Project) -> None:
    result = build(project, "two")
    assert set(result["outputs"]) == {"out", "dev"}
    assert result["out_path"] == result["outputs"]["out"]


def test_several_installables_are_built_at_once(project: Project) -> None:
    project.write_flake(OUTPUTS)
    flake = f"path:{project.flake}"
    run = project.run("nix_build", {"installables": [f"{flake}#good", f"{flake}#library"]}, HOST)
    assert [path.rpartition("-")[2] for path in run.results["web"]["out_paths"]] == ["good", "library"]
    assert run.calls == ["build"]


def test_a_configuration_that_does_not_evaluate_fails_as_an_evaluation(project: Project) -> None:
    result = build(project, "nothing")
    assert result["stage"] == "evaluation"
    assert "no attribute nothing" in result["cause"]


def test_a_derivation_that_is_gone_is_to_be_evaluated_again(project: Project) -> None:
    run = project.run("nix_build", {"drv_path": "/nix/store/" + "0" * 32 + "-gone.drv"}, HOST)
    assert run.results["web"]["code"] == "build.no_derivation"


def test_what_is_built_is_named_with_v_and_not_without(project: Project) -> None:
    assert "building" not in build(project, "library")["output"]
    output = build(project, "good", "-v")["output"]
    assert "web: building 1/1 good" in output, output


def test_a_build_without_end_is_given_up(project: Project) -> None:
    result = build(project, "long", timeout=3)
    assert result["cause"] == "no end of the build after 3 s"
    wait_until(lambda: not running(LONG.split()[1]))


def test_the_environment_of_a_task_reaches_nix_on_the_controller(project: Project) -> None:
    project.write_flake(OUTPUTS)
    options = {"flake": f"path:{project.flake}", "attr": "library"}
    run = project.run("nix_build", options, {"web": {}}, environment={"PATH": "/nonexistent"})
    assert "there is no nix on the controller" in run.results["web"]["cause"]
    run = project.run("nix_build", options, {"web": {}}, environment={"NIX_CONFIG": "builders =\nmax-jobs = 0\n"})
    assert "max-jobs = 0" in run.results["web"]["cause"]


def test_a_setting_of_nix_takes_effect_and_is_shown_nowhere(project: Project) -> None:
    project.write_flake(OUTPUTS)
    secret = {"access-tokens": "example.org=ghp_secret", "builders": "", "max-jobs": 0, "substitute": False}
    options = {"flake": f"path:{project.flake}", "attr": "library", "nix_options": secret}
    run = project.run("nix_build", options, {"web": {}}, "-vvv")
    assert run.results["web"]["failed"]
    assert "ghp_secret" not in json.dumps(run.results)
    assert "ghp_secret" not in run.output


@pytest.mark.parametrize("host", ["../../escape", "$(touch pwned)", "a b"])
def test_any_host_name_has_a_root_of_its_own(project: Project, host: str) -> None:
    project.write_flake(OUTPUTS)
    run = project.run("nix_build", {"flake": f"path:{project.flake}", "attr": "library"}, {host: {}})
    assert run.rc == 0, run.output
    roots = list((project.directory / "state" / "nix.fleet" / "gcroots" / "built").iterdir())
    assert len(roots) == 1
    assert not list(project.directory.rglob("pwned"))


def test_an_interrupted_run_leaves_no_build(project: Project) -> None:
    project.write_flake(OUTPUTS)
    run = project.start("nix_build", {"flake": f"path:{project.flake}", "attr": "long"}, HOST)
    wait_until(lambda: bool(running(LONG.split()[1])))
    assert interrupt(run) != 0
    wait_until(lambda: not running(LONG.split()[1]))
