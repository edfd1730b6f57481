# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nix_build on the controller, by real playbooks and real Nix."""

from __future__ import annotations

import json
import subprocess
import typing as t
from pathlib import Path

from ..evaluation.project import Project

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
    given = {"installables": [f"path:{project.flake}#{attribute}"], **options}
    run = project.run("nix_build", given, HOST, *arguments)
    assert "web" in run.results, run.output
    return {**run.results["web"], "calls": run.calls, "output": run.output}


def root(project: Project) -> Path:
    return project.directory / "state" / "nix.fleet" / "gcroots" / "built" / "web"


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


def test_what_can_be_built_is_built_when_told_to_go_on(project: Project) -> None:
    result = build(project, "both", nix_options={"keep-going": True})
    assert len(result["failed_derivations"]) == 2
    assert build(project, "good")["built"] == 0


def test_a_setting_of_nix_takes_effect_and_is_shown_nowhere(project: Project) -> None:
    project.write_flake(OUTPUTS)
    secret = {"access-tokens": "example.org=ghp_secret", "builders": "", "max-jobs": 0, "substitute": False}
    options = {"installables": [f"path:{project.flake}#library"], "nix_options": secret}
    run = project.run("nix_build", options, {"web": {}}, "-vvv")
    assert run.results["web"]["failed"]
    assert "ghp_secret" not in json.dumps(run.results)
    assert "ghp_secret" not in run.output
